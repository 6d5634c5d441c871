"""A channel as one data set: its files in order, or its pipe, read by its content type."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Mapping

import numpy as np

from .declaration import CSV, JSON, JSONLINES, LIBSVM, PARQUET, RECORDIO, base_type, type_parameters
from .errors import CustomerError, UnsupportedContent
from .formats import Array, Table

LARGEST = 1 << 31
"""Numbers in one dense array."""


def read(data: bytes, content_type: str, *, labelled: bool, weighted: bool = False) -> Table:
    """`labelled`: whether a CSV or Parquet that does not say `label_size` starts with a label.
    Raises `CustomerError`."""
    kind = base_type(content_type)
    if kind == RECORDIO:
        from .formats.recordio import read as read_recordio

        return read_recordio(data)
    if kind == CSV:
        from .formats.text import read_csv

        return read_csv(data, _label_size(content_type, labelled), weighted)
    if kind == LIBSVM:
        from .formats.text import read_libsvm

        return read_libsvm(data)
    if kind == PARQUET:
        from .formats.parquet import read_parquet

        return read_parquet(data, _label_size(content_type, labelled))
    if kind in (JSON, JSONLINES):
        from .formats.jsons import read_json, read_jsonlines

        return read_json(data) if kind == JSON else read_jsonlines(data)
    raise UnsupportedContent(f"Content type {content_type!r} is not supported.")


def _label_size(content_type: str, labelled: bool) -> int:
    size = type_parameters(content_type).get("label_size", str(int(labelled)))
    if size not in ("0", "1"):
        raise CustomerError(f"label_size={size} is not supported: it is 0 or 1.")
    return int(size)


def read_channel(
    folder: Path, channel: Mapping[str, str], *, default: str, labelled: bool, weighted: bool = False
) -> Table:
    """`folder` is `/opt/ml/input/data/NAME`; in Pipe mode `NAME_0` beside it is a FIFO. Raises `CustomerError`."""
    content_type = channel.get("ContentType") or default
    tables = [
        read(data, content_type, labelled=labelled, weighted=weighted) for data in _contents(folder) if data
    ]
    tables = [table for table in tables if table.features.shape[0]]
    if not tables:
        raise CustomerError(f"No data in channel {folder.name!r}: its files are empty or there are none.")
    return joined(tables)


def _contents(folder: Path) -> list[bytes]:
    pipe = folder.with_name(f"{folder.name}_0")
    if pipe.exists() and stat.S_ISFIFO(pipe.stat().st_mode):
        return [pipe.read_bytes()]
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(place) / name for name in sorted(names) if not name.startswith((".", "_"))]
    return [path.read_bytes() for path in found if not path.name.endswith(".manifest")]


def joined(tables: list[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    width = max(table.features.shape[1] for table in tables)
    dense = all(isinstance(table.features, np.ndarray) for table in tables)
    if dense and any(table.features.shape[1] != width for table in tables):
        raise CustomerError("The channel's files have different numbers of features.")
    if len({table.labels is None for table in tables}) > 1:
        raise CustomerError("Some of the channel's files have labels and others have none.")

    def all_of(columns: list[Array]) -> Array:
        return None if any(column is None for column in columns) else np.concatenate(columns)

    features = (
        np.concatenate([table.features for table in tables])
        if dense
        else _stacked([table.features for table in tables], width)
    )
    return Table(
        features, all_of([table.labels for table in tables]), all_of([table.weights for table in tables])
    )


def _stacked(matrices: list[Array], width: int) -> Array:
    from scipy.sparse import csr_matrix, vstack

    wide = [csr_matrix(matrix) for matrix in matrices]
    for matrix in wide:
        matrix.resize((matrix.shape[0], width))
    return vstack(wide, format="csr")


def dense(features: Array) -> Array:
    """(rows, columns) as an ordinary array. Raises `CustomerError` where that would be very large."""
    if isinstance(features, np.ndarray):
        return features
    if features.shape[0] * features.shape[1] > LARGEST:
        raise CustomerError(
            f"{features.shape[0]} rows of {features.shape[1]} features are too many for this algorithm."
        )
    return features.toarray()


def widened(features: Array, width: int) -> Array:
    """Sparse rows as wide as the model; dense ones must be. Raises `CustomerError`."""
    found = features.shape[1]
    if found == width:
        return features
    if isinstance(features, np.ndarray) or found > width:
        raise CustomerError(f"The data has {found} features, and the model has {width} (feature_dim).")
    features = features.copy()
    features.resize((features.shape[0], width))
    return features


def check_finite(table: Table, channel: str, *, missing: bool) -> None:
    """Raises `CustomerError` for a label that is NaN or infinite; for a feature too, unless some may be `missing`."""
    values = table.features if isinstance(table.features, np.ndarray) else table.features.data
    bad = table.labels is not None and not np.isfinite(table.labels).all()
    if bad or not (missing or np.isfinite(values).all()):
        raise CustomerError(f"Channel {channel!r} has values that are missing or not finite (NaN).")
