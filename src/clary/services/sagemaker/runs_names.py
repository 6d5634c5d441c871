"""What people call the columns of runs, and what they are called: in a table, in Search and in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from botocore.model import StructureShape

from clary.api import Context, ServiceError
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
UNASKED = ("Last", "Min", "Max")


class Names:
    """What a name of a parameter or a metric stands for: of those in use, a parameter before a metric."""

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
        """As Search's filters call it."""
        if name.lower() in ROW:
            return ROW[name.lower()]
        head = name.partition(".")[0].lower()
        if head in ("tags", "parents") or any(member.lower() == head for member in self._shape.members):
            return name
        if self.used(f"Parameters.{name}."):
            return f"Parameters.{name}"
        metric, _, last = name.rpartition(".")
        is_statistic = last.lower() in {own.lower() for own in STATISTICS}
        if self.used(f"Metrics.{metric if metric and is_statistic else name}."):
            return f"Metrics.{name}"
        return f"Parameters.{name}"

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
