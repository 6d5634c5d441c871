"""Bayesian search beside random search at equal budget, through the suggester that tuning jobs use.

Regret is the best value found minus the function's minimum. For each function the median over seeds is printed for
both strategies, the ratio of the two, and for how many seeds Bayesian was the better one.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from clary.domain.tuning_ranges import Number, Values
from clary.domain.tuning_search import Study, Trial
from clary.orchestrator.suggester import OptunaSuggester

SEEDS = 20
BUDGETS = (30, 60)


def branin(point: Sequence[float]) -> float:
    """Branin and Hoo's function, minimum 0.397887 at three points."""
    x, y = point
    inner = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return inner * inner + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


HEIGHTS = (1.0, 1.2, 3.0, 3.2)
STEEPNESS = (
    (10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14),
)  # fmt: skip
WELLS = (
    (1312, 1696, 5569, 124, 8283, 5886), (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650), (4047, 8828, 8732, 5743, 1091, 381),
)  # fmt: skip


def hartmann(point: Sequence[float]) -> float:
    """Hartmann's function of 6 dimensions, minimum -3.32237."""
    total = 0.0
    for height, steepness, well in zip(HEIGHTS, STEEPNESS, WELLS, strict=True):
        terms = zip(steepness, point, well, strict=True)
        total += height * math.exp(-sum(a * (x - p / 10_000) ** 2 for a, x, p in terms))
    return -total


def network(point: Sequence[float]) -> float:
    """A loss as of a network: a valley in the logarithm of the rate, in momentum and in weight decay, minimum 0."""
    rate, momentum, decay = point
    return (
        0.3 * (math.log10(rate) + 2.5) ** 2
        + 0.5 * abs(math.log10(1 - momentum) + 1.2)
        + 0.1 * abs(math.log10(decay) + 4)
    )


@dataclass(frozen=True)
class Function:
    name: str
    call: Callable[[Sequence[float]], float]
    minimum: float
    ranges: tuple[Number, ...]


FUNCTIONS = (
    Function("Branin, 2-d", branin, 0.397887, (Number("x", -5, 10), Number("y", 0, 15))),
    Function("Hartmann, 6-d", hartmann, -3.32237, tuple(Number(f"x{i}", 0, 1) for i in range(6))),
    Function(
        "Network, 3-d", network, 0.0,
        (Number("rate", 1e-5, 1, "Logarithmic"), Number("momentum", 0.1, 0.999, "ReverseLogarithmic"),
         Number("decay", 1e-7, 1e-1, "Logarithmic")),
    ),
)  # fmt: skip


def regrets(function: Function, strategy: str, seed: int, budget: int) -> list[float]:
    """The regret after each trial."""
    suggester, study = OptunaSuggester(), Study(function.name, strategy, True, seed, function.ranges)
    best, found = math.inf, []
    for _ in range(budget):
        values: Values = suggester.suggest(study)
        value = function.call([float(values[each.name]) for each in function.ranges])
        study = replace(study, trials=(*study.trials, Trial(values, value)))
        best = min(best, value)
        found.append(best - function.minimum)
    return found


def main(seeds: int = SEEDS) -> None:
    start = time.perf_counter()
    print(f"{'function':<14} {'trials':>6} {'random':>9} {'bayesian':>9} {'ratio':>6} {'better':>8}")
    for function in FUNCTIONS:
        runs = {
            strategy: [regrets(function, strategy, seed, max(BUDGETS)) for seed in range(seeds)]
            for strategy in ("Random", "Bayesian")
        }
        for budget in BUDGETS:
            random, bayesian = ([run[budget - 1] for run in runs[name]] for name in ("Random", "Bayesian"))
            wins = sum(b < r for b, r in zip(bayesian, random, strict=True))
            middle = statistics.median(random), statistics.median(bayesian)
            print(
                f"{function.name:<14} {budget:>6} {middle[0]:>9.4f} {middle[1]:>9.4f} "
                f"{middle[1] / middle[0]:>6.2f} {wins:>4}/{seeds}"
            )
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
