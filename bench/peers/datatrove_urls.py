"""URLs through datatrove's URLFilter with lists of hosts only: LIST... -- URLS. Prints what it took as JSON."""

import json
import resource
import sys
import time

import tldextract

# The snapshot of the suffix list that comes with tldextract: no network.
_Extract = tldextract.TLDExtract


def offline(*args, **kwargs):
    """TLDExtract without look-ups."""
    return _Extract(suffix_list_urls=())


tldextract.TLDExtract = offline

from datatrove.data import Document  # noqa: E402
from datatrove.pipeline.filters import URLFilter  # noqa: E402

split = sys.argv.index("--")
started, cpu = time.monotonic(), time.process_time()
hosts = []
for file in sys.argv[1:split]:
    with open(file, encoding="utf-8") as lines:
        hosts += [line.split()[-1] for line in lines if line.strip() and line[0] != "#"]
url_filter = URLFilter(extra_domains=hosts, use_integrated_lists=False)
with open(sys.argv[split + 1], encoding="utf-8") as f:
    documents = [Document(text="", id="", metadata={"url": line.rstrip("\n")}) for line in f]
url_filter.filter(documents[0])  # builds what it builds on first use
load, load_cpu = time.monotonic() - started, time.process_time() - cpu
cpu = time.process_time()
blocked = sum(url_filter.filter(document) is not True for document in documents)
seconds = time.process_time() - cpu
print(
    json.dumps(
        {
            "urls": len(documents), "blocked": blocked, "urls_per_cpu_second": round(len(documents) / seconds),
            "load_seconds": round(load, 2), "load_cpu_seconds": round(load_cpu, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
        }
    )
)  # fmt: skip
