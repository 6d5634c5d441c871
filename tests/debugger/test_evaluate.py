"""Rules follow a trial that grows, and wait for what does not come; time is an argument. XGBoost's report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from tests.debugger.history import History, history

from clary.debugger import Trial, create_trial
from clary.debugger.rules.catalog import find
from clary.debugger.rules.evaluate import BuiltIn, Custom, evaluate
from clary.debugger.rules.rule import Rule
from clary.debugger.rules.xgboost_report import REPORT


class Clock:
    """Each pause moves it, and what is to happen then happens."""

    def __init__(self, pauses: list[Callable[[], object]], seconds: float = 100.0) -> None:
        self.now, self.pauses, self._seconds = 0.0, pauses, seconds

    def __call__(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += self._seconds
        if self.pauses:
            self.pauses.pop(0)()


def test_steps_are_judged_as_they_come_and_each_once(tmp_path: Path) -> None:
    looked: list[int] = []

    class Watching(Rule):
        def invoke_at_step(self, step: int) -> bool:
            looked.append(step)
            return bool(self.base_trial.tensor("loss").value(step)[0] > 5)

    saved = History(tmp_path)
    clock = Clock(
        [
            lambda: saved.step({"loss": 1.0}),
            lambda: saved.step({"other": 9.0}),
            lambda: saved.step({"loss": 7.0}),
        ]
    )
    trial = create_trial(str(tmp_path))
    found = evaluate(trial, Custom(Watching(trial)), lambda: False, clock, clock.sleep)
    assert looked == [0, 1, 2]
    assert found is not None
    assert str(found).endswith("the rule Watching at step 2 resulted in the condition being met")


def test_a_job_that_died_is_judged_to_its_last_step(tmp_path: Path) -> None:
    saved = History(tmp_path)
    for loss in (1.0, float("nan")):
        saved.step({"loss": loss})
    trial = create_trial(str(tmp_path))
    check = find("ExplodingTensor").of({})
    found = evaluate(trial, BuiltIn(check, trial, []), lambda: True)
    assert found is not None
    assert found.step == 1


def stalled(folder: Path, pauses: list[Callable[[], object]], threshold: str) -> str | None:
    trial = create_trial(str(folder))
    clock = Clock(pauses)
    check = find("StalledTrainingRule").of({"threshold": threshold})
    found = evaluate(trial, BuiltIn(check, trial, []), lambda: clock.now > 2000, clock, clock.sleep)
    return found.words if found else None


def test_a_training_that_stalls_and_one_that_goes_on(tmp_path: Path) -> None:
    History(tmp_path / "stalls").step({"loss": 1.0})
    assert stalled(tmp_path / "stalls", [], "300") == "no tensor was saved for 300 seconds"
    going = History(tmp_path / "goes-on")
    assert stalled(tmp_path / "goes-on", [partial(going.step, {"loss": 1.0})] * 30, "300") is None


def report(trial: Trial, output: Path) -> str:
    rule = BuiltIn(find("CreateXgboostReport").of({}), trial, [])
    assert evaluate(trial, rule, lambda: True) is None
    rule.finish(output)
    return (output / REPORT).read_text()


def test_the_xgboost_report(tmp_path: Path) -> None:
    labels = np.array([0, 1] * 10)
    steps = [
        {
            "train-rmse": 1 / (n + 1), "hyperparameters/eta": np.array([0.3]), "labels": labels,
            "predictions": labels * 0.8 + 0.1, "feature_importance/weight/f0": 10.0 + n, "feature_importance/weight/<f1>": 3.0,
        }
        for n in range(5)
    ]  # fmt: skip
    page = report(history(tmp_path / "classes", [("GLOBAL", step) for step in steps]), tmp_path / "output")
    assert "Accuracy 1.0000 over 20 samples" in page
    assert "train-rmse" in page
    assert "&lt;f1&gt;" in page
    assert page.count("<svg") == 2
    numbers = {"labels": np.linspace(0, 1, 40), "predictions": np.linspace(0.1, 1.1, 40)}
    page = report(history(tmp_path / "numbers", [("GLOBAL", numbers)]), tmp_path / "output")
    assert "mean 0.1, deviation" in page
    assert "The job did not save them." in page
