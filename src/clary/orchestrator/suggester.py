"""Suggestions by Optuna: the only file that knows it. See docs/adr/0005-tuning.md for why it is the one.

A study is rebuilt from its history for each question, in memory, with a sampler seeded by the question: nothing
of Optuna's is kept anywhere. That costs about a tenth of a second at 500 trials.

    Random      Optuna's random sampler
    Bayesian    its multivariate Tree-structured Parzen Estimator, which counts running trials as bad ones so that
                parallel trials spread out
    Hyperband   the same sampler, and its Hyperband pruner for the comparisons
    Grid        `domain.tuning_ranges.grid`, in order

Optuna is imported at the first question: it takes a second, and most servers never tune.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from clary.domain.tuning_ranges import Choice, Number, Range, Values, grid
from clary.domain.tuning_search import Study, Trial, Verdict, untried

if TYPE_CHECKING:
    import optuna

TRIES = 8
"""Draws before a combination that was tried already is taken again."""
REDUCTION = 3
"""Hyperband: one in so many goes on at each comparison."""
RUNG = "completed_rung_"
"""How Optuna's pruner names a trial's comparisons."""

_QUIET = threading.Lock()
"""Optuna warns of what it calls experimental; filters of warnings are the process's."""


class OptunaSuggester:
    """A `Suggester`. May be asked from many threads."""

    def suggest(self, study: Study) -> Values:
        index = len(study.trials)
        if study.strategy == "Grid":
            return next(values for at, values in enumerate(grid(study.ranges)) if at == index)
        if index < len(study.first):
            return study.first[index]
        for attempt in range(TRIES):
            values = self._ask(study, attempt)
            if not study.tried(values):
                return values
        return untried(study) or values

    def judge(self, study: Study, index: int) -> Verdict:
        import optuna

        built = self._build(study, optuna.samplers.RandomSampler(seed=0))
        at = len(study.parents) + index
        trial = built.get_trials(deepcopy=True)[at]
        values, trial.intermediate_values = trial.intermediate_values, {}
        stop = False
        for step, value in values.items():
            trial.intermediate_values[step] = value
            stop = built.pruner.prune(built, trial)
            trial.system_attrs = built.get_trials(deepcopy=False)[at].system_attrs
            if stop:
                break
        attributes = trial.system_attrs.items()
        return Verdict(
            stop, {int(name.removeprefix(RUNG)): value for name, value in attributes if name.startswith(RUNG)}
        )

    def _ask(self, study: Study, attempt: int) -> Values:
        import optuna

        seed = study.seeded(len(study.trials), attempt)
        random = study.strategy == "Random" or attempt > 0
        sampler: optuna.samplers.BaseSampler
        if random:
            sampler = optuna.samplers.RandomSampler(seed=seed)
        else:
            with _QUIET, warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = optuna.samplers.TPESampler(
                    seed=seed, multivariate=True, constant_liar=True, n_startup_trials=_startup(study)
                )
        trial = self._build(study, sampler).ask(
            {each.name: _distribution(each) for each in study.ranges if each.size > 1}
        )
        return {each.name: _decode(each, trial.params.get(each.name)) for each in study.ranges}

    def _build(self, study: Study, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = None
        if study.resources is not None:
            low, high = study.resources
            pruner = optuna.pruners.HyperbandPruner(low, max(low, high), REDUCTION)
        built = optuna.create_study(
            study_name=f"{study.seed} {study.key}", direction="minimize" if study.minimize else "maximize",
            sampler=sampler, pruner=pruner,
        )  # fmt: skip
        built.add_trials([_frozen(study, trial) for trial in (*study.parents, *study.trials)])
        return built


def _startup(study: Study) -> int:
    """Random trials before the model is asked: enough to see each range a few times."""
    return max(4, min(10, 2 * len(study.ranges)))


def _distribution(each: Range) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match each:
        case Choice():
            return CategoricalDistribution(each.values)
        case Number(integer=True):
            return IntDistribution(int(each.low), int(each.high), log=each.scale == "Logarithmic")
        case Number(scale="ReverseLogarithmic"):
            return FloatDistribution(1 - each.high, 1 - each.low, log=True)
    return FloatDistribution(each.low, each.high, log=each.scale == "Logarithmic")


def _decode(each: Range, value: object) -> str:
    if isinstance(each, Choice):
        return each.values[0] if value is None else str(value)
    assert isinstance(value, int | float)
    return each.text(1 - value if each.scale == "ReverseLogarithmic" else value)


def _encode(each: Range, text: str) -> object:
    if isinstance(each, Choice):
        return text
    if each.integer:
        return int(text)
    value = float(text)
    if each.scale == "ReverseLogarithmic":
        return min(max(1 - value, 1 - each.high), 1 - each.low)
    return value


def _frozen(study: Study, trial: Trial) -> optuna.trial.FrozenTrial:
    import optuna
    from optuna.trial import TrialState

    searched = [each for each in study.ranges if each.size > 1 and each.name in trial.values]
    state = TrialState.COMPLETE if trial.objective is not None else TrialState.FAIL
    rungs: Mapping[int, float] = trial.rungs or {}
    return optuna.trial.create_trial(
        state=TrialState.RUNNING if trial.running else state,
        value=None if trial.running else trial.objective,
        params={each.name: _encode(each, trial.values[each.name]) for each in searched},
        distributions={each.name: _distribution(each) for each in searched},
        intermediate_values=dict(enumerate(trial.curve, 1)),
        system_attrs={f"{RUNG}{rung}": value for rung, value in rungs.items()},
    )
