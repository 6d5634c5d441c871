"""What a person reads when a job failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain.jobs import REASON_LIMIT
from clary.engines.ports import Observation
from clary.orchestrator.failure import explain

TRACEBACK = """\
epoch 1
Traceback (most recent call last):
  File "/opt/ml/code/train.py", line 9, in <module>
    main()
  File "/opt/ml/code/train.py", line 5, in main
    raise ValueError("learning rate must be positive")
ValueError: learning rate must be positive""".splitlines()


def test_a_traceback_is_shown_from_its_end() -> None:
    reason = explain(Observation("exited", code=1), "", TRACEBACK)
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError: ExitCode 1")
    assert "ValueError: learning rate must be positive" in reason
    assert 'train.py", line 5, in main' in reason
    assert reason.endswith("exit code: 1")


def test_the_failure_file_comes_first() -> None:
    reason = explain(Observation("exited", code=2), "channel is empty\n", TRACEBACK)
    assert reason == "AlgorithmError: channel is empty, exit code: 2"


def test_without_a_traceback_the_last_words_are_told() -> None:
    reason = explain(Observation("exited", code=3), "", ["a", "b", "", "c"])
    assert '"a\nb\nc"' in reason
    assert reason.endswith("exit code: 3")
    assert "printed nothing" in explain(Observation("exited", code=3), "", [])


def test_a_kill_that_nobody_asked_for_points_at_memory() -> None:
    reason = explain(Observation("exited", signal=9, peak_memory=3 << 30), "", ["loading"])
    assert "SIGKILL" in reason
    assert "out of memory (it used 3.0 GiB)" in reason


def test_a_full_disk_is_recognised() -> None:
    reason = explain(
        Observation("exited", code=1), "", [*TRACEBACK[:-1], "OSError: [Errno 28] No space left on device"]
    )
    assert "The disk is full" in reason


def test_a_lost_program_is_nobodys_fault() -> None:
    assert explain(Observation("lost"), "", []).startswith("InternalServerError")


@pytest.mark.parametrize("code", [0, 1, None])
@given(text=st.text(max_size=5000), tail=st.lists(st.text(max_size=500), max_size=20))
def test_the_reason_keeps_to_its_limit(code: int | None, text: str, tail: list[str]) -> None:
    seen = Observation("exited", code=code, signal=None if code is not None else 6)
    for reason in (
        explain(seen, text, tail),
        explain(seen, "", ["Traceback (most recent call last):", *tail]),
    ):
        assert len(reason) <= REASON_LIMIT
        assert reason.startswith("AlgorithmError")


ADVICE = [
    ("OSError: [Errno 28] No space left on device: 'x'", "The disk is full"),
    ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "a smaller batch"),
    ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB", "Out of memory"),
    (
        "ModuleNotFoundError: No module named 'lightgbm'",
        "no lightgbm: list its package in a requirements.txt",
    ),
    ("OSError: [Errno 30] Read-only file system: '/opt/ml/input/data/x'", "write to SM_MODEL_DIR"),
    ("OSError: [Errno 98] Address already in use", "port"),
]


@pytest.mark.parametrize(("line", "advice"), ADVICE, ids=[line.split(":")[0] for line, _ in ADVICE])
def test_what_to_try_is_said(line: str, advice: str) -> None:
    reason = explain(Observation("exited", code=1), "", ["Traceback (most recent call last)", "  x", line])
    assert advice in reason
    assert "exit code: 1" in reason


@pytest.mark.parametrize(
    ("number", "advice"), [(11, "native library crashed"), (4, "another processor"), (7, "workers")]
)
def test_signals_are_named(number: int, advice: str) -> None:
    reason = explain(Observation("exited", signal=number), "", ["epoch 1"])
    assert advice in reason
    assert f"ended by signal {number} (SIG" in reason
