"""Whatever is created, associated, measured and deleted in whatever order: the tree stays a tree.

The service's functions, called as the gateway calls them over a SQLite store, against a model of dicts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.support.machine import Machine

from clary.api import Asked, Document
from clary.services import metrics
from clary.services.sagemaker import components, experiments, experiments_deletion, search, trials

NAMES = st.sampled_from(["a", "b", "c"])
PARAMETERS = st.sampled_from(["lr", "epochs"])
LOADED = (components, experiments, metrics, search, trials)


@dataclass
class Component:
    values: list[float] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Trashed:
    experiment: str
    trials: set[str]
    components: dict[str, Component]
    members: set[tuple[str, str]]


class Tree(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.experiments: set[str] = set()
        self.trials: dict[str, str] = {}
        self.components: dict[str, Component] = {}
        self.members: set[tuple[str, str]] = set()
        self.trash: list[Trashed] = []

    @rule(name=NAMES)
    def create_experiment(self, name: str) -> None:
        if self.accepted(name not in self.experiments, "CreateExperiment", ExperimentName=name):
            self.experiments.add(name)

    @rule(name=NAMES, experiment=NAMES)
    def create_trial(self, name: str, experiment: str) -> None:
        possible = name not in self.trials and experiment in self.experiments
        if self.accepted(possible, "CreateTrial", TrialName=name, ExperimentName=experiment):
            self.trials[name] = experiment

    @rule(name=NAMES)
    def create_component(self, name: str) -> None:
        if self.accepted(name not in self.components, "CreateTrialComponent", TrialComponentName=name):
            self.components[name] = Component()

    @rule(component=NAMES, trial=NAMES)
    def associate(self, component: str, trial: str) -> None:
        possible = component in self.components and trial in self.trials
        request = {"TrialComponentName": component, "TrialName": trial}
        if self.accepted(possible, "AssociateTrialComponent", **request):
            self.members.add((component, trial))

    @rule(component=NAMES, trial=NAMES)
    def disassociate(self, component: str, trial: str) -> None:
        possible = (component, trial) in self.members
        request = {"TrialComponentName": component, "TrialName": trial}
        if self.accepted(possible, "DisassociateTrialComponent", **request):
            self.members.remove((component, trial))

    @rule(component=NAMES, values=st.lists(st.integers(-100, 100), min_size=1, max_size=12))
    def measure(self, component: str, values: list[int]) -> None:
        items = [
            {"MetricName": "m", "Value": float(value), "Timestamp": self.now, "Step": index}
            for index, value in enumerate(values)
        ]
        possible = component in self.components
        request = {"TrialComponentName": component, "MetricData": items}
        if self.accepted(possible, "BatchPutMetrics", "sagemaker-metrics", **request):
            self.components[component].values += [float(value) for value in values]

    @rule(
        component=NAMES,
        parameters=st.dictionaries(PARAMETERS, st.integers(0, 9), max_size=3),
        removed=st.lists(PARAMETERS, max_size=2),
    )
    def update(self, component: str, parameters: dict[str, int], removed: list[str]) -> None:
        values = {name: {"NumberValue": float(value)} for name, value in parameters.items()}
        possible = component in self.components
        request: Document = {
            "TrialComponentName": component,
            "Parameters": values,
            "ParametersToRemove": removed,
        }
        if self.accepted(possible, "UpdateTrialComponent", **request):
            kept = {**self.components[component].parameters, **parameters}
            self.components[component].parameters = {
                name: value for name, value in kept.items() if name not in removed
            }

    @rule(name=NAMES)
    def delete_component(self, name: str) -> None:
        free = name in self.components and all(component != name for component, _ in self.members)
        if self.accepted(free, "DeleteTrialComponent", TrialComponentName=name):
            del self.components[name]

    @rule(name=NAMES)
    def delete_trial(self, name: str) -> None:
        free = name in self.trials and all(trial != name for _, trial in self.members)
        if self.accepted(free, "DeleteTrial", TrialName=name):
            del self.trials[name]

    @rule(name=NAMES)
    def delete_experiment(self, name: str) -> None:
        free = name in self.experiments and name not in self.trials.values()
        if self.accepted(free, "DeleteExperiment", ExperimentName=name):
            self.experiments.remove(name)

    @rule(name=NAMES)
    def delete_whole(self, name: str) -> None:
        self.now += 1
        asked = Asked({}, {"ExperimentName": name})
        action = lambda: experiments_deletion.delete_experiment(self.context, asked)  # noqa: E731
        if not self.permitted(name in self.experiments, action, "delete"):
            return
        inside = {trial for trial, parent in self.trials.items() if parent == name}
        touched = {component for component, trial in self.members if trial in inside}
        gone = {c for c in touched if all(trial in inside for owner, trial in self.members if owner == c)}
        edges = {(c, t) for c, t in self.members if t in inside}
        self.trash.append(
            Trashed(name, inside, {c: self.components.pop(c) for c in gone}, edges)
        )  # fmt: skip
        self.experiments.remove(name)
        self.members -= edges
        for trial in inside:
            del self.trials[trial]

    @rule(name=NAMES)
    def restore(self, name: str) -> None:
        self.now += 1
        held = next((one for one in reversed(self.trash) if one.experiment == name), None)
        possible = held is not None and not (
            name in self.experiments
            or held.trials & self.trials.keys()
            or held.components.keys() & self.components.keys()
        )
        asked = Asked({}, {"ExperimentName": name})
        action = lambda: experiments_deletion.restore_experiment(self.context, asked)  # noqa: E731
        if not self.permitted(possible, action, "restore"):
            return
        assert held is not None
        later = self.trash[self.trash.index(held) + 1 :]
        self.trash.remove(held)
        self.experiments.add(name)
        self.trials |= dict.fromkeys(held.trials, name)
        self.components |= held.components
        for component, trial in held.members:
            if component in self.components:
                self.members.add((component, trial))
                continue
            # Its other end may lie in the trash too, and comes back with that.
            for other in later:
                if component in other.components:
                    other.members.add((component, trial))
                    break

    def listed(self, noun: str, **request: str) -> set[str]:
        answer = self.call(f"List{noun}s", MaxResults=100, **request)
        return {item[f"{noun}Name"] for item in answer[f"{noun}Summaries"]}

    def found(self, *filters: tuple[str, str]) -> list[Document]:
        items = [{"Name": name, "Operator": "Equals", "Value": value} for name, value in filters]
        answer = self.call("Search", Resource="ExperimentTrialComponent", SearchExpression={"Filters": items})
        return [hit["TrialComponent"] for hit in answer["Results"]]

    @invariant()
    def lists_and_searches_agree(self) -> None:
        assert self.listed("Experiment") == self.experiments
        assert self.listed("Trial") == set(self.trials)
        assert self.listed("TrialComponent") == set(self.components)
        for experiment in self.experiments:
            inside = {trial for trial, parent in self.trials.items() if parent == experiment}
            expected = {component for component, trial in self.members if trial in inside}
            assert self.listed("Trial", ExperimentName=experiment) == inside
            assert self.listed("TrialComponent", ExperimentName=experiment) == expected
            hits = self.found(("Parents.ExperimentName", experiment))
            assert {hit["TrialComponentName"] for hit in hits} == expected
        for trial in self.trials:
            expected = {component for component, owner in self.members if owner == trial}
            assert self.listed("TrialComponent", TrialName=trial) == expected

    @invariant()
    def components_show_their_parents_and_metrics(self) -> None:
        for name, component in self.components.items():
            values = component.values
            (hit,) = self.found(("TrialComponentName", name))
            parents = {(parent["TrialName"], parent["ExperimentName"]) for parent in hit["Parents"]}
            assert parents == {(t, self.trials[t]) for c, t in self.members if c == name}
            shown = {key: value["NumberValue"] for key, value in hit["Parameters"].items()}
            assert shown == component.parameters
            if not values:
                assert hit["Metrics"] == []
                continue
            (metric,) = hit["Metrics"]
            assert (metric["Min"], metric["Max"], metric["Count"]) == (min(values), max(values), len(values))
            assert metric["Last"] == values[-1]
            assert abs(metric["Avg"] - numpy.mean(values)) < 1e-9
            assert abs(metric["StdDev"] - numpy.std(values)) < 1e-6

    @invariant()
    def parameters_are_searched_as_they_are(self) -> None:
        for name in ("lr", "epochs"):
            found = {hit["TrialComponentName"] for hit in self.found((f"Parameters.{name}", "5"))}
            assert found == {
                own for own, component in self.components.items() if component.parameters.get(name) == 5
            }


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
