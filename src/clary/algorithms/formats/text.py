"""CSV and libsvm. Neither has a header; numbers only."""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import CustomerError
from . import Array, Table


def read_csv(data: bytes, label_size: int = 0, weighted: bool = False) -> Table:
    """Comma-separated numbers; the first `label_size` columns are labels, then, if `weighted`, the rows' weights.
    An empty field is NaN. Raises `CustomerError`."""
    matrix = _numbers(data)
    labels = matrix[:, 0] if label_size else None
    weights = matrix[:, label_size] if weighted else None
    if matrix.shape[1] < label_size + weighted + 1:
        raise CustomerError(f"The CSV has {matrix.shape[1]} columns: too few for features beside its labels.")
    return Table(matrix[:, label_size + weighted :].astype(np.float32), labels, weights)


def _numbers(data: bytes) -> Array:
    """(rows, columns), float64."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CustomerError(f"The CSV is not UTF-8: {error}.") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise CustomerError("The CSV is empty.")
    width = lines[0].count(",") + 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            flat = np.fromstring(",".join(lines), np.float64, sep=",")
        except (ValueError, DeprecationWarning):  # row by row, then, which says what is wrong
            flat = np.zeros(0)
    if len(flat) == width * len(lines) and all(line.count(",") == width - 1 for line in lines):
        return flat.reshape(len(lines), width)
    return np.array([_row(number, line, width) for number, line in enumerate(lines, 1)], np.float64)


def _row(number: int, line: str, width: int) -> list[float]:
    fields = [field.strip().strip('"') for field in line.split(",")]
    if len(fields) != width:
        raise CustomerError(f"Row {number} of the CSV has {len(fields)} columns, and row 1 has {width}.")
    hint = " A CSV must not have a header." if number == 1 else ""
    return [_number(field, f"row {number} of the CSV", hint) for field in fields]


def _number(field: str, where: str, hint: str) -> float:
    try:
        return float(field) if field else float("nan")
    except ValueError:
        raise CustomerError(f"{field!r} in {where} is not a number.{hint}") from None


def read_libsvm(data: bytes) -> Table:
    """`label[:weight] index:value ...`, rows without label as well; indexes as they are. Raises `CustomerError`."""
    from scipy.sparse import csr_matrix

    labels: list[float] = []
    weights: list[float] = []
    values: list[float] = []
    columns: list[int] = []
    starts = [0]
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            if ":" not in words[0] or _is_weighted(words[0], words[1:]):
                label, _, weight = words.pop(0).partition(":")
                labels.append(float(label))
                weights.append(float(weight) if weight else 1.0)
            for word in words:
                index, _, value = word.partition(":")
                if index == "qid":
                    continue
                columns.append(int(index))
                values.append(float(value))
        except ValueError:
            raise CustomerError(f"Line {number} is not libsvm: {line[:80]!r}.") from None
        starts.append(len(values))
    rows = len(starts) - 1
    if not rows:
        raise CustomerError("The libsvm data is empty.")
    if labels and len(labels) != rows:
        raise CustomerError("Some libsvm rows have labels and others have none.")
    width = max(columns, default=-1) + 1
    matrix = csr_matrix((np.array(values, np.float32), columns, starts), shape=(rows, width))
    plain = not labels or all(weight == 1.0 for weight in weights)
    return Table(matrix, np.array(labels) if labels else None, None if plain else np.array(weights))


def _is_weighted(first: str, rest: list[str]) -> bool:
    """Whether `3:0.5` starts a row as label and weight. It does when it cannot be the row's first index."""
    head = first.partition(":")[0]
    if not head.isdigit():
        return head != "qid"
    following = rest[0].partition(":")[0] if rest else ""
    return following.isdigit() and int(following) <= int(head)
