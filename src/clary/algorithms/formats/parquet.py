"""Parquet: numeric columns, of which the first is the label where there is one."""

from __future__ import annotations

import numpy as np

from ..errors import CustomerError
from . import Table


def read_parquet(data: bytes, label_size: int = 0) -> Table:
    """Raises `CustomerError`."""
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(pyarrow.BufferReader(data))
        matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise CustomerError(f"The data is not Parquet of numeric columns: {error}.") from None
    labels = matrix[:, 0] if label_size else None
    return Table(matrix[:, label_size:].astype(np.float32), labels)
