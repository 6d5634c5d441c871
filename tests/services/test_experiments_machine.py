"""Whatever is created, associated, measured and deleted in whatever order: the tree stays a tree.

The service's functions, called as the gateway calls them over a SQLite store, against a model of dicts.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.server import ports_in

from clary.api import Context, Document, Principal, ServiceError
from clary.api.operations import handler
from clary.services import metrics
from clary.services.sagemaker import components, experiments, search, trials

NAMES = st.sampled_from(["a", "b", "c"])
LOADED = (components, experiments, metrics, search, trials)


class Tree(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ports = ports_in(Path(self.folder.name))
        self.now = 1_700_000_000.0
        self.experiments: set[str] = set()
        self.trials: dict[str, str] = {}
        self.components: dict[str, list[float]] = {}
        self.members: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.ports.store.close()
        self.folder.cleanup()

    def call(self, name: str, service: str = "sagemaker", **request: Any) -> Document:
        self.now += 1
        root = Principal("arn:aws:iam::123456789012:root", "123456789012")
        found = handler(service, name)
        assert found is not None
        function: Callable[[Context, Document], Document | None] = found.function
        return function(Context("123456789012", "us-east-1", root, "id", self.now, self.ports), request) or {}

    def accepted(self, expected: bool, name: str, service: str = "sagemaker", **request: Any) -> bool:
        refusal: ServiceError | None = None
        try:
            self.call(name, service, **request)
        except ServiceError as error:
            refusal = error
        assert (refusal is None) == expected, refusal or f"{name} should have been refused"
        if refusal is not None:
            assert refusal.code in ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")
        return refusal is None

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
            self.components[name] = []

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
            self.components[component] += [float(value) for value in values]

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
        for name, values in self.components.items():
            (hit,) = self.found(("TrialComponentName", name))
            parents = {(parent["TrialName"], parent["ExperimentName"]) for parent in hit["Parents"]}
            assert parents == {(t, self.trials[t]) for c, t in self.members if c == name}
            if not values:
                assert hit["Metrics"] == []
                continue
            (metric,) = hit["Metrics"]
            assert (metric["Min"], metric["Max"], metric["Count"]) == (min(values), max(values), len(values))
            assert metric["Last"] == values[-1]
            assert abs(metric["Avg"] - statistics.fmean(values)) < 1e-9
            assert abs(metric["StdDev"] - statistics.pstdev(values)) < 1e-6


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
