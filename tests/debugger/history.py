"""A trial for tests: steps written as a job's hook writes them, read back by the reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clary.debugger import Trial, create_trial
from clary.debugger.format import writer
from clary.debugger.rules.catalog import BUILT_IN
from clary.debugger.rules.evaluate import BuiltIn, Finding, evaluate

COLLECTIONS = {
    "losses": ["loss"], "gradients": ["^gradient/"], "weights": ["^weight/"], "metrics": ["-rmse$", "-auc$"],
    "labels": ["labels"], "predictions": ["predictions"], "hyperparameters": ["^hyperparameters/"],
    "trees": ["^trees/"], "feature_importance": ["^feature_importance/"],
}  # fmt: skip

Step = Mapping[str, Any]


class History:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modes: dict[str, int] = {}
        self._step = 0
        collections = {
            name: {"name": name, "include_regex": regexes, "tensor_names": []}
            for name, regexes in COLLECTIONS.items()
        }
        writer.write_collections(str(folder), collections)

    def step(self, tensors: Step, mode: str = "TRAIN") -> None:
        at = self._modes.get(mode, 0)
        file = writer.StepFile(str(self.folder), self._step)
        for name, value in tensors.items():
            file.add(name, value, mode, at, 0.0)
        file.close()
        self._modes[mode], self._step = at + 1, self._step + 1

    def end(self) -> Trial:
        writer.write_end(str(self.folder))
        return create_trial(str(self.folder))


def history(folder: Path, steps: Iterable[Step | tuple[str, Step]]) -> Trial:
    """Of an ended job; a step without a mode is of TRAIN."""
    made = History(folder)
    for step in steps:
        if isinstance(step, tuple):
            made.step(step[1], step[0])
        else:
            made.step(step)
    return made.end()


def judge(trial: Trial, rule: str, others: Iterable[Trial] = (), **parameters: str) -> Finding | None:
    """What the rule finds in a whole trial."""
    return evaluate(trial, BuiltIn(BUILT_IN[rule].of(parameters), trial, list(others)), lambda: True)
