"""Where Clary takes more than AWS's model allows, and why: one table, laid over the model as it is loaded.

A key is a shape's name, or `Structure.Member` for one member alone; the value says which constraints
go (None) or change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Constraints = Mapping[str, Any]

RELAXED: Mapping[str, Mapping[str, Constraints]] = {
    # 10 points a call are AWS's quota; here a loop may send a whole epoch at once.
    # A name that is too long is its own item's error, not the whole call's.
    "sagemaker-metrics": {
        "RawMetricDataList": {"max": None},
        "RawMetricData.MetricName": {"min": None, "max": None, "pattern": None},
    },
    # Trackers name artifacts by their files (`train_model.py`); AWS's service takes that, its model does not.
    "sagemaker": {
        # A channel may name a folder of this machine (the setting `input_folders`).
        "S3DataSource.S3Uri": {"pattern": "(https|s3|file)://([^/]*)/?(.*)"},
        "CreateArtifactRequest.ArtifactName": {"pattern": None},
        "UpdateArtifactRequest.ArtifactName": {"pattern": None},
    },
}


def relax(service: str, description: dict[str, Any]) -> dict[str, Any]:
    """The description with what `RELAXED` says of the service; the given one stays as it is.
    Raises `KeyError` for a shape or member that the model does not have."""
    table = RELAXED.get(service)
    if not table:
        return description
    shapes = dict(description["shapes"])
    for place, changes in table.items():
        name, _, member = place.partition(".")
        if member:
            members = dict(shapes[name]["members"])
            own = f"{name}{member}"
            shapes[own] = _changed(shapes[members[member]["shape"]], changes)
            members[member] = {**members[member], "shape": own}
            shapes[name] = {**shapes[name], "members": members}
        else:
            shapes[name] = _changed(shapes[name], changes)
    return {**description, "shapes": shapes}


def _changed(shape: dict[str, Any], changes: Constraints) -> dict[str, Any]:
    return {key: value for key, value in {**shape, **changes}.items() if value is not None}
