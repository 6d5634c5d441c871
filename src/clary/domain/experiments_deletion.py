"""What goes when an experiment is deleted whole. Pure: a plan that can be shown instead of carried out.

goes   the experiment, its trials, and the trial components that are in no other experiment's trial
stays  a component that is in another's trial too: it only leaves this experiment's trials
stays  what components were made from and produced: artifacts, jobs, objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """By ARN."""

    experiment: str
    trials: tuple[str, ...]
    components: tuple[str, ...]
    kept: Mapping[str, tuple[str, ...]]
    """Components that stay, each with the trials that it stays in."""

    @property
    def gone(self) -> tuple[str, ...]:
        return (*self.components, *self.trials, self.experiment)


def plan(
    experiment: str, members: Mapping[str, Iterable[str]], trials_of: Callable[[str], Iterable[str]]
) -> Plan:
    """`members`: the experiment's trials, each with its components. `trials_of`: all trials of a component."""
    components: list[str] = []
    kept: dict[str, tuple[str, ...]] = {}
    for component in dict.fromkeys(component for inside in members.values() for component in inside):
        elsewhere = tuple(trial for trial in trials_of(component) if trial not in members)
        if elsewhere:
            kept[component] = elsewhere
        else:
            components.append(component)
    return Plan(experiment, tuple(members), tuple(components), kept)
