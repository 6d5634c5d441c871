"""What programs use, measured on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from clary.orchestrator.usage import Usage, Watched
from clary.storage import metric_streams
from clary.storage.memory import MemoryStore
from clary.storage.ports import Resource

JOB = Resource(
    "arn:aws:sagemaker:r:1:training-job/j", "1", "r", "TrainingJob", "j", created=0.0, modified=0.0
)
NAMESPACE = "/aws/sagemaker/TrainingJobs"
BUSY = """
import subprocess, sys
block = bytearray(64 << 20)
subprocess.run([sys.executable, "-c", "import time\\nend = time.process_time() + 0.4\\nwhile time.process_time() < end: pass"])
print("burnt", flush=True)
sys.stdin.read()
"""


def test_a_programs_cpu_memory_and_disk_are_kept_by_host(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x" * 1_000_000)
    store = MemoryStore()
    supervisor = subprocess.Popen(
        ["/bin/sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh", sys.executable, "-c", BUSY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        watched = Watched(JOB, "algo-1", NAMESPACE, supervisor.pid, tmp_path, time.time())
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "burnt\n"
        Usage(store).sample([watched])
    finally:
        supervisor.communicate()
    arn = metric_streams.arn(JOB, NAMESPACE, {"Host": "j/algo-1"})
    with store.read() as tx:
        found = {summary.name: summary.last for summary in tx.metrics.summaries([arn])[arn]}
    assert set(found) == {"CPUUtilization", "MemoryUtilization", "DiskUtilization"}
    assert found["CPUUtilization"] > 0, "the child that has ended counts"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert (64 << 20) <= found["MemoryUtilization"] * total / 100 <= total
    assert found["DiskUtilization"] > 0


def test_what_is_gone_uses_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    Usage(store).sample([Watched(JOB, "algo-1", NAMESPACE, 2**22 + 1, tmp_path / "gone", time.time() - 9)])
    arn = metric_streams.arn(JOB, NAMESPACE, {"Host": "j/algo-1"})
    with store.read() as tx:
        assert [summary.last for summary in tx.metrics.summaries([arn])[arn]] == [0.0, 0.0]
