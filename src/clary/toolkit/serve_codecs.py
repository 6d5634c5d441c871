"""JSON, CSV and NPY, in and out, as AWS's inference toolkits have them; NumPy only where the data asks for it.

decode(body, content type)  text/csv -> array of two dimensions (AWS's gives one row as one dimension, which
                            scikit-learn refuses); application/json -> array; application/x-npy -> array
encode(data, accept)        (bytes, content type)
"""

import json

from .serve_http import Refused

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
TEXTS = (JSON, CSV, "application/jsonlines", "text/plain")
"""Content types whose bodies user functions are given as text."""


def plain(content_type: str) -> str:
    """Without its parameters: `text/csv; charset=utf-8` is `text/csv`."""
    return content_type.partition(";")[0].strip().lower()


def decode(body: "str | bytes", content_type: str) -> "object":
    import numpy

    kind = plain(content_type)
    if kind == CSV:
        return numpy.array(rows(text(body)))
    if kind == JSON:
        return numpy.array(json.loads(text(body)))
    if kind == NPY:
        from io import BytesIO

        return numpy.load(
            BytesIO(body if isinstance(body, bytes) else body.encode("latin-1")), allow_pickle=False
        )
    raise Refused(
        415,
        "The content type %r is not supported; text/csv, application/json and application/x-npy are." % kind,
    )


def text(body: "str | bytes") -> str:
    return body if isinstance(body, str) else bytes(body).decode("utf-8")


def rows(csv: str) -> "list[list[float]]":
    """Raises `Refused` for what is no table of numbers."""
    try:
        found = [[float(cell) if cell.strip() else float("nan") for cell in line.split(",")]
                 for line in csv.splitlines() if line.strip()]  # fmt: skip
    except ValueError as error:
        raise Refused(400, "The CSV holds something that is not a number: %s." % error) from None
    if len({len(row) for row in found}) > 1:
        raise Refused(400, "The CSV's rows are not of one length.")
    return found


def encode(data: "object", accept: str) -> "tuple[bytes, str]":
    for kind in accept.split(","):
        kind = plain(kind)
        if kind in ("", "*/*", "application/*"):
            kind = JSON
        if kind == "text/*":
            kind = CSV
        if kind in ENCODERS:
            return ENCODERS[kind](data), kind
    raise Refused(
        406,
        "The accept type %r is not supported; text/csv, application/json and application/x-npy are." % accept,
    )


def to_json(data: "object") -> bytes:
    return json.dumps(data.tolist() if hasattr(data, "tolist") else data, default=listed).encode("utf-8")


def listed(value: "object") -> "object":
    """What json does not know: arrays and numbers of NumPy, tables of pandas, tensors."""
    for name in ("tolist", "to_dict", "isoformat"):
        if hasattr(value, name):
            return getattr(value, name)()
    raise TypeError("%s is not JSON serializable" % type(value).__name__)


def to_csv(data: "object") -> bytes:
    if isinstance(data, (str, bytes)):
        return data.encode("utf-8") if isinstance(data, str) else data
    table = data.tolist() if hasattr(data, "tolist") else data
    if not isinstance(table, (list, tuple)):
        table = [table]
    lines = [",".join(map(str, row)) if isinstance(row, (list, tuple)) else str(row) for row in table]
    return ("\n".join(lines) + "\n").encode("utf-8")


def to_npy(data: "object") -> bytes:
    from io import BytesIO

    import numpy

    file = BytesIO()
    numpy.save(file, numpy.asarray(data), allow_pickle=False)
    return file.getvalue()


ENCODERS = {JSON: to_json, CSV: to_csv, NPY: to_npy}
