"""nvidia-smi's answers as NVIDIA documents them; no GPU is needed, and none was there when this was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.orchestrator.gpus import Gpus, look, parse

GPUS = "GPU-aaaa, 37, 16384\nGPU-bbbb, 90, 16384\nGPU-cccc, [N/A], [N/A]\n"
PROGRAMS = "GPU-aaaa, 100, 4096\nGPU-bbbb, 101, 8192\nGPU-bbbb, 200, 1024\nGPU-cccc, 300, [N/A]\n"


def test_a_programs_gpus_are_those_that_its_processes_use() -> None:
    found = parse(GPUS, PROGRAMS)
    assert found.of({100, 101, 102}) == {"GPUUtilization": 127.0, "GPUMemoryUtilization": 75.0}
    assert found.of({200}) == {"GPUUtilization": 90.0, "GPUMemoryUtilization": 6.25}
    assert found.of({300}) == {"GPUUtilization": 0.0, "GPUMemoryUtilization": 0}
    assert found.of({7}) == {}


def test_it_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look() == Gpus()
    smi = tmp_path / "nvidia-smi"
    answers = (
        f'case "$1" in --query-gpu=*) echo "{GPUS}" ;; --query-compute-apps=*) echo "{PROGRAMS}" ;; esac'
    )
    smi.write_text(f"#!/bin/sh\n{answers}\n")
    smi.chmod(0o755)
    assert look() == parse(GPUS, PROGRAMS)
    smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed' >&2; exit 9\n")
    assert look() == Gpus()
