"""The optimiser behind tuning: deterministic, within its ranges, better than chance, and just to what is tried."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest

from clary.domain.tuning_ranges import Choice, Number, Values, grid
from clary.domain.tuning_search import Study, Trial
from clary.orchestrator.suggester import OptunaSuggester

RANGES = (
    Number("rate", 1e-5, 1e-1, "Logarithmic"),
    Number("momentum", 0.5, 0.999, "ReverseLogarithmic"),
    Number("depth", 2, 9, integer=True),
    Choice("optimizer", ('"sgd"', '"adam"')),
)
SUGGEST = OptunaSuggester().suggest


def study(strategy: str = "Bayesian", **changes: object) -> Study:
    return replace(Study("a", strategy, True, 7, RANGES), **changes)  # type: ignore[arg-type]


def loss(values: Values) -> float:
    rate, rest = math.log10(float(values["rate"])), math.log10(1 - float(values["momentum"]))
    worse = values["optimizer"] == '"sgd"'
    return (rate + 2.5) ** 2 + abs(rest + 1) + abs(int(values["depth"]) - 5) / 4 + worse


def run(about: Study, count: int) -> Study:
    for _ in range(count):
        values = SUGGEST(about)
        about = replace(about, trials=(*about.trials, Trial(values, loss(values))))
    return about


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_a_history_has_one_answer_within_the_ranges(strategy: str) -> None:
    done = run(study(strategy), 14)
    for trial in done.trials:
        assert all(each.holds(trial.values[each.name]) for each in RANGES), trial.values
    assert OptunaSuggester().suggest(done) == SUGGEST(done)
    assert run(study(strategy), 14) == done
    assert run(study(strategy, seed=8), 3).trials != done.trials[:3]


def test_parallel_trials_differ() -> None:
    about = run(study(), 12)
    for _ in range(4):
        about = about.with_trial(SUGGEST(about))
    running = [tuple(trial.values.values()) for trial in about.trials if trial.running]
    assert len(set(running)) == 4


def test_a_finite_space_is_exhausted_before_anything_is_tried_twice() -> None:
    ranges = (Number("a", 1, 3, integer=True), Choice("b", ("x", "y")))
    about = study("Random", ranges=ranges)
    for _ in range(6):
        about = about.with_trial(SUGGEST(about))
    assert sorted(map(str, (t.values for t in about.trials))) == sorted(map(str, grid(ranges)))
    assert SUGGEST(about) in list(grid(ranges)), "and then it repeats"


def test_a_grid_is_walked_in_order() -> None:
    ranges = (Choice("a", ("1", "2")), Choice("b", ("x", "y")))
    assert [t.values for t in run_grid(study("Grid", ranges=ranges), 4).trials] == [
        {"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"},
    ]  # fmt: skip


def run_grid(about: Study, count: int) -> Study:
    for _ in range(count):
        about = about.with_trial(SUGGEST(about))
    return about


def test_the_model_finds_better_values_than_chance() -> None:
    """Medians over seeds, so that no single lucky draw decides."""
    best: dict[str, list[float]] = {"Random": [], "Bayesian": []}
    for seed in range(3):
        for strategy, found in best.items():
            done = run(study(strategy, seed=seed), 40)
            found.append(min(t.objective for t in done.trials if t.objective is not None))
    assert statistics.median(best["Bayesian"]) < statistics.median(best["Random"])


def test_what_parents_found_steers_the_first_suggestions() -> None:
    parents = run(study("Random", key="parent"), 40).trials
    warm = [loss(SUGGEST(study(seed=seed, parents=parents))) for seed in range(8)]
    cold = [loss(SUGGEST(study(seed=seed))) for seed in range(8)]
    assert statistics.median(warm) < statistics.median(cold)


def test_first_values_are_tried_first() -> None:
    values = {"rate": "0.01", "momentum": "0.9", "depth": "5", "optimizer": '"adam"'}
    about = study(first=(values,))
    assert SUGGEST(about) == values
    assert SUGGEST(about.with_trial(values)) != values


def test_hyperband_stops_the_worse_and_keeps_the_better() -> None:
    """Each of nine trials reports 1, 2, 3, ... epochs of a constant loss."""
    ranges = (Number("rate", 0, 1),)
    about = study("Hyperband", ranges=ranges, resources=(1, 9))
    judged: dict[int, bool] = {}
    for index in range(12):
        trial = Trial({"rate": str(index / 20)}, running=True, curve=(float(index),) * 9)
        about = replace(about, trials=(*about.trials, trial))
        verdict = OptunaSuggester().judge(about, index)
        assert OptunaSuggester().judge(about, index) == verdict, "a judgement repeats"
        judged[index] = verdict.stop
        ended = replace(trial, running=False, objective=float(index), rungs=verdict.rungs)
        about = replace(about, trials=(*about.trials[:-1], ended))
    assert not judged[0], "the best goes on"
    assert sum(judged.values()) >= 6
