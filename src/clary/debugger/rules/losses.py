"""LossNotDecreasing."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..modes import ModeKeys
from .check import Check
from .reading import Trial, names, number

FEW = 3
"""Earlier steps that are tried: one may be broken."""
ORDER = (ModeKeys.EVAL, ModeKeys.TRAIN, ModeKeys.GLOBAL)


@dataclass
class LossNotDecreasing(Check):
    """Every `num_steps` a loss is compared with the one saved at least `num_steps` before. Losses are those of
    the collection `losses`, of `collection_names` and `tensor_regex`; steps are the mode's own."""

    collection_names: tuple[str, ...] = ()
    tensor_regex: tuple[str, ...] = ()
    use_losses_collection: bool = True
    num_steps: int = 10
    diff_percent: float = 0.0
    """By how many percent a loss is to decrease; 0: at all."""
    mode: str = ""
    _due: dict[tuple[str, ModeKeys], int] = field(default_factory=dict, init=False)
    """By loss: the first step at which to look again."""

    def check(self, trial: Trial, step: int) -> str | None:
        collections = (*self.collection_names, *(("losses",) if self.use_losses_collection else ()))
        for name in names(trial, step, collections=collections, regexes=self.tensor_regex, default=False):
            mode = self._mode(trial, name)
            if mode is ModeKeys.GLOBAL or trial.mode(step) is mode:
                found = self._compare(trial, name, step, mode)
                if found:
                    return found
        return None

    def _compare(self, trial: Trial, name: str, step: int, mode: ModeKeys) -> str | None:
        value = number(trial, step, name)
        at = step if mode is ModeKeys.GLOBAL else trial.mode_step(step)
        if value is None or value.size != 1 or at is None:
            return None
        if at < self._due.setdefault((name, mode), at + self.num_steps):
            return None
        steps = trial.tensor(name).prev_steps(at - self.num_steps, FEW, mode)
        readable = ((step, number(trial, step, name, mode)) for step in reversed(steps))
        before, earlier = next(((step, found) for step, found in readable if found is not None), (None, None))
        if earlier is None:
            return None
        self._due[name, mode] = at + self.num_steps
        old, new = float(earlier.reshape(-1)[0]), float(value.reshape(-1)[0])
        # Not a number is no decrease either.
        if new < old - abs(old) * self.diff_percent / 100:
            return None
        return f"{name} is {new:.6g} at step {at}, after {old:.6g} at step {before}"

    def _mode(self, trial: Trial, name: str) -> ModeKeys:
        if self.mode:
            return ModeKeys[self.mode.upper().rpartition(".")[2]]
        saved = [mode for mode in ORDER if mode in trial.modes()]
        if len(saved) > 1:
            saved = [mode for mode in saved if mode in trial.tensor(name).modes]
        return saved[0] if saved else ModeKeys.GLOBAL
