"""smdebug's `Rule`, for rules that users write:

    class LargeGradient(Rule):
        def __init__(self, base_trial, threshold=10.0): ...
        def invoke_at_step(self, step): return <bool>

Its actions are the evaluation's, which the server takes, so `action_str` is only kept.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..exceptions import (
    RuleEvaluationConditionMet,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from ..tensor import Tensor
from ..trial import Trial


class RequiredTensors:
    """What a rule wants to be there at a step before it is invoked."""

    def __init__(self, base_trial: Trial, other_trials: Sequence[Trial] | None) -> None:
        self.base_trial, self.other_trials = base_trial, list(other_trials or ())
        self._wanted: dict[str, dict[str, tuple[Trial, list[int]]]] = {}

    def add(
        self, name: str, steps: Sequence[int], trial: Trial | None = None, should_match_regex: bool = False
    ) -> None:
        trial = trial or self.base_trial
        for each in trial.tensor_names(regex=name) if should_match_regex else [name]:
            self._wanted.setdefault(trial.name, {})[each] = (trial, list(steps))

    def get_names(self, trial: Trial | None = None) -> list[str]:
        return list(self._wanted.get((trial or self.base_trial).name, {}))

    def get_tensor_steps(self, name: str, trial: Trial | None = None) -> list[int]:
        return self._wanted.get((trial or self.base_trial).name, {})[name][1]

    def get(self, trial: Trial | None = None) -> list[Tensor]:
        trial = trial or self.base_trial
        return [trial.tensor(name) for name in self.get_names(trial)]

    def clear(self) -> None:
        self._wanted.clear()

    def fetch(self) -> None:
        """Raises what `Tensor.value` does for one that is not there."""
        for wanted in self._wanted.values():
            for name, (trial, steps) in wanted.items():
                for step in steps:
                    trial.tensor(name).value(step)


class Rule(ABC):
    def __init__(
        self, base_trial: Trial, action_str: str = "", other_trials: Sequence[Trial] | None = None
    ) -> None:
        self.base_trial, self.other_trials = base_trial, other_trials
        self.trials = [base_trial, *(other_trials or ())]
        self.req_tensors = RequiredTensors(base_trial, other_trials)
        self.logger = logging.getLogger("smdebug")
        self.rule_name = type(self).__name__
        self.action_str = action_str
        self.report: dict[str, Any] = {
            "RuleTriggered": 0, "Violations": 0, "Details": {}, "Datapoints": 0, "RuleParameters": "",
        }  # fmt: skip

    def set_required_tensors(self, step: int) -> None:  # noqa: B027
        """Name them with `self.req_tensors.add`."""

    @abstractmethod
    def invoke_at_step(self, step: int) -> bool:
        """Whether the condition is met at this global step."""

    def invoke(self, step: int) -> None:
        """Waits for the step. Raises `RuleEvaluationConditionMet`, and what reading raises."""
        self.base_trial.wait_for_steps([step])
        with unrefreshed(self.trials):
            met = self.look(step)
        if met:
            raise RuleEvaluationConditionMet(self.rule_name, step)

    def look(self, step: int) -> bool:
        self.req_tensors.clear()
        self.set_required_tensors(step)
        self.req_tensors.fetch()
        return bool(self.invoke_at_step(step))


@contextmanager
def unrefreshed(trials: Sequence[Trial]) -> Iterator[None]:
    """Trials as they are: what a rule sees of one step does not change meanwhile."""
    before = [trial.dynamic_refresh for trial in trials]
    for trial in trials:
        trial.dynamic_refresh = False
    try:
        yield
    finally:
        for trial, refreshing in zip(trials, before, strict=True):
            trial.dynamic_refresh = refreshing


def invoke_rule(
    rule_obj: Rule, start_step: int = 0, end_step: int | None = None, raise_eval_cond: bool = False
) -> None:
    """Invoke it at every step, from `start_step` to below `end_step` or the trial's end. Raises
    `RuleEvaluationConditionMet` when asked to."""
    step = start_step or 0
    while end_step is None or step < end_step:
        try:
            rule_obj.invoke(step)
        except (StepUnavailable, TensorUnavailable, TensorUnavailableForStep) as error:
            rule_obj.logger.debug("%s", error)
        except RuleEvaluationConditionMet as error:
            if raise_eval_cond:
                raise
            if error.end_of_rule:
                return
        step += 1
