"""Near-duplicate removal with text-dedup: `text_dedup_minhash.py IN OUT`; 14 bands of 8 of 5-grams, one process.

Verification is on: without it version 0.4.1 deletes every copy, the first too. Its results are cached between
runs, so it is given a cache folder of its own.
"""

import glob
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    source, out = sys.argv[1:3]
    os.environ["HF_HOME"] = f"{out}/cache"
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    from datasets import Dataset, load_from_disk
    from text_dedup.config.base import load_config_from_toml
    from text_dedup.minhash import main

    Dataset.from_parquet(sorted(glob.glob(f"{source}/part-*.parquet")), cache_dir=f"{out}/cache").save_to_disk(f"{out}/in")
    config = Path(out) / "config.toml"
    config.write_text(
        f"""
[input]
input_type = "local_hf_dataset"
[input.read_arguments]
dataset_path = "{out}/in"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
num_perm = 112
bands = 14
rows = 8
ngram_size = 5
threshold = 0.7
check_false_positive = true
num_proc = 1
[output]
output_dir = "{out}/out"
clean_cache = false
[debug]
enable_profiling = false
""",
        encoding="utf-8",
    )
    main(load_config_from_toml(config))
    os.makedirs(f"{out}/written")
    load_from_disk(f"{out}/out").to_parquet(f"{out}/written/part.parquet")
