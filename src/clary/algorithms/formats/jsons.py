"""JSON and JSONLines requests of AWS's algorithms.

    {"instances": [{"features": [1, 2]}, ...]}          dense
    {"instances": [{"data": {"features": {"values": [1, 2]}}}]}
    {"instances": [{"data": {"features": {"keys": [0, 9], "shape": [10], "values": [1, 2]}}}]}     sparse

JSONLines: one such instance a line.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import CustomerError
from . import Array, Table


def read_json(data: bytes) -> Table:
    """Raises `CustomerError`."""
    try:
        document = json.loads(data)
        instances = document["instances"] if isinstance(document, dict) else document
    except (ValueError, KeyError):
        raise CustomerError(
            'The request is not JSON of the form {"instances": [{"features": [...]}]}.'
        ) from None
    return _table(instances)


def read_jsonlines(data: bytes) -> Table:
    """Raises `CustomerError`."""
    try:
        return _table([json.loads(line) for line in data.splitlines() if line.strip()])
    except ValueError as error:
        raise CustomerError(f"The request is not JSONLines: {error}.") from None


def _table(instances: Any) -> Table:
    if not isinstance(instances, list) or not instances:
        raise CustomerError("The request has no instances.")
    vectors = [_vector(instance) for instance in instances]
    width = max(size for _, _, size in vectors)
    if any(keys is not None for keys, _, _ in vectors):
        matrix = np.zeros((len(vectors), width), np.float32)
        for row, (keys, values, _) in zip(matrix, vectors):
            row[np.arange(len(values)) if keys is None else keys] = values
        return Table(matrix)
    if any(size != width for _, _, size in vectors):
        raise CustomerError("The instances have different numbers of features.")
    return Table(np.stack([values for _, values, _ in vectors]))


def _vector(instance: Any) -> tuple[Array, Array, int]:
    """Keys (None: dense), values and width of one instance."""
    try:
        found = instance["data"] if isinstance(instance, dict) and "data" in instance else instance
        found = found["features"] if isinstance(found, dict) else found
        if not isinstance(found, dict):
            values = np.asarray(found, np.float32).reshape(-1)
            return None, values, len(values)
        values = np.asarray(found["values"], np.float32).reshape(-1)
        if "keys" not in found:
            return None, values, len(values)
        keys = np.asarray(found["keys"], np.int64)
        width = int(np.asarray(found["shape"]).reshape(-1)[-1]) if "shape" in found else int(keys.max()) + 1
        if len(keys) != len(values) or (len(keys) and not 0 <= keys.min() <= keys.max() < width):
            raise ValueError
        return keys, values, width
    except (KeyError, ValueError, TypeError, IndexError):
        raise CustomerError(f"{json.dumps(instance)[:120]} is not an instance.") from None
