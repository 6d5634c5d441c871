"""What is declared of an algorithm. The server reads it for metrics, the job for everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from .errors import CustomerError
from .hyperparameters import Hyperparameter

CSV = "text/csv"
RECORDIO = "application/x-recordio-protobuf"
LIBSVM = "text/libsvm"
PARQUET = "application/x-parquet"
JSON = "application/json"
JSONLINES = "application/jsonlines"


@dataclass(frozen=True)
class Metric:
    """`name` as tuning and CloudWatch know it, `regex` over the log, group 1 the value."""

    name: str
    regex: str


@dataclass(frozen=True)
class Algorithm:
    name: str
    """The image's repository: `linear-learner`."""
    module: str
    """Of this package: has `train` and `predict`."""
    hyperparameters: Sequence[Hyperparameter]
    metrics: Sequence[Metric]
    channels: Sequence[str] = ("train",)
    """Required ones."""
    optional: Sequence[str] = ()
    content_types: Sequence[str] = (RECORDIO, CSV, PARQUET)
    """For training."""
    default_type: str = RECORDIO
    """Of a channel without ContentType."""
    labelled: bool = True
    """Whether training data has labels; a CSV's are then its first column."""
    repositories: Sequence[str] = ()
    """Of images that stand for it too."""
    missing: bool = False
    """Whether it takes missing values (NaN)."""

    def check_channels(self, inputs: Mapping[str, Mapping[str, str]]) -> None:
        """Raises `CustomerError` for a channel that is missing, unknown, or of a type that is not read."""
        for name in self.channels:
            if name not in inputs:
                raise data_refusal(f"{name!r} is a required property")
        for name, channel in inputs.items():
            if name not in (*self.channels, *self.optional):
                raise data_refusal(f"Additional properties are not allowed ({name!r} was unexpected)")
            content = base_type(channel.get("ContentType") or self.default_type)
            if content not in self.content_types:
                expected = ", ".join(self.content_types)
                raise data_refusal(f"{content!r} of channel {name!r} is not one of {expected}")


def data_refusal(why: str) -> CustomerError:
    return CustomerError(
        "Unable to initialize the algorithm. Failed to validate input data configuration. "
        f"(caused by ValidationError)\n\nCaused by: {why}"
    )


def base_type(content_type: str) -> str:
    """Without parameters, one name for each type."""
    kind = content_type.split(";")[0].strip().lower()
    return {
        "csv": CSV, "libsvm": LIBSVM, "text/x-libsvm": LIBSVM, "parquet": PARQUET,
        "application/x-libsvm": LIBSVM, "recordio-protobuf": RECORDIO, "application/x-recordio": RECORDIO,
        "application/json-lines": JSONLINES, "application/jsonline": JSONLINES,
    }.get(kind, kind)  # fmt: skip


def type_parameters(content_type: str) -> dict[str, str]:
    """`text/csv;label_size=1` -> {"label_size": "1"}"""
    found = {}
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        found[name.strip().lower()] = value.strip()
    return found


def quality(channel: str, metric: str, kind: str, *, epochs: bool = False, name: str = "") -> Metric:
    """`#quality_metric: host=algo-1, epoch=3, train msd <loss>=1.5` and its like."""
    epoch = r"epoch=\S+, " if epochs else ""
    shown = name or metric
    return Metric(
        f"{channel}:{shown}", rf"#quality_metric: host=\S+, {epoch}{channel} {metric} <{kind}>=(\S+)"
    )


PROGRESS = (
    Metric("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"),
    Metric("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"),
)
"""What all of AWS's own algorithms report."""
