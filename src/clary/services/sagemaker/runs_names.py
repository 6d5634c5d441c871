"""What people call the columns of runs, and what they are called: in a table, in Search and in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botocore.model import StructureShape

from clary.api import Context, ServiceError
from clary.domain.near_names import said
from clary.domain.properties import METRIC_STATISTICS
from clary.services.sagemaker.search import record_shape
from clary.services.sagemaker.search_expression import properties
from clary.storage.ports import Summary, Transaction

ROW: dict[str, str] = {
    "name": "TrialComponentName",
    "status": "Status.PrimaryStatus",
    "experiment": "Parents.ExperimentName",
    "experiments": "Parents.ExperimentName",
    "trial": "Parents.TrialName",
    "trials": "Parents.TrialName",
    "source": "Source.SourceArn",
}
"""Columns that Search calls otherwise, by their names in lower case."""
FIRST = ("Name", "DisplayName", "Status", "CreationTime", "Experiments", "Trials", "Source")
STATISTICS: dict[str, Callable[[Summary], float]] = {
    "Last": lambda summary: summary.last,
    "Min": lambda summary: summary.minimum,
    "Max": lambda summary: summary.maximum,
    "Avg": lambda summary: summary.average,
    "StdDev": lambda summary: summary.deviation,
    "Count": lambda summary: float(summary.count),
}
STATISTIC_NAMES = frozenset(name.lower() for name in METRIC_STATISTICS)
UNASKED = ("Last", "Min", "Max")
MAPS = {"parameters": "Parameters", "metrics": "Metrics", "tags": "Tags"}
"""Members whose entries are named by people, by their names in lower case."""
NAMES = 20_000
"""Names among which one that was meant is looked for."""


class Names:
    """What a name of a parameter or a metric stands for: of those in use, a parameter before a metric. A name that no run
    has is refused, with those that may have been meant: a misspelled one would sort by nothing and find nothing."""

    def __init__(self, ctx: Context, tx: Transaction) -> None:
        self._ctx, self._tx = ctx, tx
        _, self._shape = record_shape("ExperimentTrialComponent")

    @property
    def shape(self) -> StructureShape:
        return self._shape

    def used(self, prefix: str, limit: int = 100) -> Sequence[str]:
        """Properties that some run has, in their order."""
        ctx = self._ctx
        return self._tx.resources.property_names(ctx.account, ctx.region, "TrialComponent", prefix, limit)

    def property(self, name: str) -> str:
        """As Search's filters call it. Raises ServiceError for a parameter, a metric or a tag that no run has."""
        if name.lower() in ROW:
            return ROW[name.lower()]
        head, _, rest = name.partition(".")
        if head.lower() in MAPS and rest:
            if not self._has(MAPS[head.lower()], rest):
                raise self._unknown(name)
            return f"{MAPS[head.lower()]}.{rest}"
        if head.lower() == "parents" or any(member.lower() == head.lower() for member in self._shape.members):
            return name
        for kind in ("Parameters", "Metrics"):
            if self._has(kind, name):
                return f"{kind}.{name}"
        raise self._unknown(name)

    def _has(self, kind: str, name: str) -> bool:
        if kind == "Parameters":
            return bool(self.used(f"Parameters.{name}.", 1))
        if kind == "Tags":
            return f"Tags.{name}" in self.used(f"Tags.{name}", 1)
        metric, _, last = name.rpartition(".")
        is_statistic = last.lower() in STATISTIC_NAMES
        return bool(self.used(f"Metrics.{metric if metric and is_statistic else name}.", 1))

    def _unknown(self, name: str) -> ServiceError:
        head, _, rest = name.partition(".")
        kind = MAPS.get(head.lower())
        if kind and rest:
            metric, _, last = rest.rpartition(".")
            meant = metric if kind == "Metrics" and metric and last.lower() in STATISTIC_NAMES else rest
            told = said(meant, self._all(f"{kind}."), f"{kind}.")
        else:
            told = said(name, (*self._all("Parameters."), *self._all("Metrics."), *FIRST, *ROW))
        return ServiceError("ValidationException", f"No run has {name!r}. {told}")

    def _all(self, heading: str) -> Sequence[str]:
        """Names of parameters, metrics or tags."""
        paths = [path.removeprefix(heading) for path in self.used(heading, NAMES)]
        return list(
            dict.fromkeys(paths if heading == "Tags." else [path.rpartition(".")[0] for path in paths])
        )

    def sort(self, name: str) -> str:
        """The store's path."""
        found = [item.path for item in properties(self._shape, self.property(name))]
        return next((path for path in found if path in self.used(path)), found[0])

    def column(self, name: str) -> str:
        first = next((own for own in FIRST if own.lower() == name.lower()), None)
        if first is not None:
            return first
        name = self.property(name)
        head, _, rest = name.partition(".")
        if head.lower() == "parameters" and rest:
            return f"Parameters.{rest}"
        if head.lower() == "metrics" and rest:
            metric, _, last = rest.rpartition(".")
            statistic = next((own for own in STATISTICS if own.lower() == last.lower()), None)
            return f"Metrics.{metric}.{statistic}" if metric and statistic else f"Metrics.{rest}.Last"
        raise ServiceError("ValidationException", f"There is no column {name}.")
