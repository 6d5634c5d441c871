"""Bytes to arrays and back: one file a format. All readers answer a `Table`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Array = Any
"""numpy.ndarray, or for features a scipy.sparse.csr_matrix. This package is checked where numpy is not."""


@dataclass(frozen=True)
class Table:
    """Rows as read. `features` is (rows, columns), float32, dense or CSR; `labels` is (rows,) float64 or None;
    `weights` is (rows,) or None."""

    features: Array
    labels: Array = None
    weights: Array = None
