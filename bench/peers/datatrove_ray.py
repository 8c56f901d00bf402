"""Parquet in, nothing done, Parquet out with datatrove on Ray: `datatrove_ray.py IN OUT TASKS CPUS`; a cluster of one node for this run."""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from datatrove.executor.ray import RayPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    source, out, tasks, cpus = sys.argv[1:5]
    ray.init("local", num_cpus=int(cpus), include_dashboard=False, log_to_driver=False)
    RayPipelineExecutor(
        pipeline=[ParquetReader(source, glob_pattern="part-*.parquet"), ParquetWriter(f"{out}/written", compression="zstd")],
        tasks=int(tasks), workers=int(cpus), logging_dir=f"{out}/logs", mem_per_cpu_gb=1,
    ).run()  # fmt: skip
    ray.shutdown()
