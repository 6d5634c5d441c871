"""Formats: bytes that AWS's SDK wrote, and what it cannot write."""

from __future__ import annotations

import io

import numpy as np
from clary_algorithms.answers import encode
from clary_algorithms.data import joined, read
from clary_algorithms.errors import CustomerError, UnsupportedContent
from clary_algorithms.formats import Table, recordio
from clary_algorithms.models import Answer

RECORDIO = "application/x-recordio-protobuf"
FLOAT32 = bytes.fromhex(
    "0a23d7ce2c0000000a160a0676616c756573120c120a0a080000803f0000004012120a0676616c756573120812060a040000000"
    "00a23d7ce2c0000000a160a0676616c756573120c120a0a08000040400000804012120a0676616c756573120812060a040000803f"
)
FLOAT64 = bytes.fromhex(
    "0a23d7ce310000000a1e0a0676616c75657312141a120a10000000000000f83f00000000000000c0120f0a0676616c7565731205"
    "3a030a0107000000"
)
INT32 = bytes.fromhex("0a23d7ce1d0000000a1b0a0676616c75657312113a0f0a0d01feffffffffffffffff01ac02000000")
SPARSE = bytes.fromhex(
    "0a23d7ce2e0000000a180a0676616c756573120e120c0a040000a0401201021a010312120a0676616c756573120812060a040000"
    "803f00000a23d7ce250000000a0f0a0676616c756573120512031a010312120a0676616c756573120812060a0400000000000000"
    "0a23d7ce330000000a1d0a0676616c756573121312110a080000803f00000040120200021a010312120a0676616c756573120812"
    "060a040000803f00"
)
SPARSE64 = bytes.fromhex("0a23d7ce1e0000000a1c0a0676616c75657312121a100a08000000000000f43f1201011a01040000")
"""As write_numpy_to_dense_tensor and write_spmatrix_to_sparse_tensor of sagemaker 2.257 write them."""


def refused(data: bytes, kind: str, words: str, labelled: bool = False) -> None:
    said = "nothing: it was read"
    try:
        read(data, kind, labelled=labelled)
    except CustomerError as error:
        said = str(error)
    assert words in said, said


def check_dense_tensors() -> None:
    table = recordio.read(FLOAT32)
    assert table.features.tolist() == [[1, 2], [3, 4]]
    assert table.labels.tolist() == [0, 1]
    table = recordio.read(FLOAT64)
    assert (table.features.tolist(), table.labels.tolist()) == ([[1.5, -2]], [7])
    table = recordio.read(INT32)
    assert table.features.tolist() == [[1, -2, 300]]
    assert table.labels is None


def check_sparse_tensors() -> None:
    table = recordio.read(SPARSE)
    assert table.features.toarray().tolist() == [[0, 0, 5], [0, 0, 0], [1, 0, 2]]
    assert table.labels.tolist() == [1, 0, 1]
    assert recordio.read(SPARSE64).features.toarray().tolist() == [[0, 1.25, 0, 0]]


def check_the_strided_copy_reads_what_each_record_alone_does() -> None:
    random = np.random.RandomState(0)
    rows = random.normal(size=(50, 7)).astype("<f4")
    whole = b"".join(float_record(row, label) for label, row in enumerate(rows))
    table = recordio.read(whole)
    assert (table.features == rows).all()
    assert table.labels.tolist() == list(range(50))
    # One record of another layout: each is read for itself.
    mixed = recordio.read(whole + int32_row(7))
    assert (mixed.features[:50] == rows).all()
    assert mixed.features[50].tolist() == [1] * 7


def float_record(row: object, label: float) -> bytes:
    field, frame = recordio._field, recordio._frame
    tensor = field(2, field(1, np.asarray(row, "<f4").tobytes()))
    mark = field(2, field(1, np.array([label], "<f4").tobytes()))
    name = field(1, b"values")
    record: bytes = frame(field(1, name + field(2, tensor)) + field(2, name + field(2, mark)))
    return record


def int32_row(width: int) -> bytes:
    field, frame = recordio._field, recordio._frame
    name, one = field(1, b"values"), field(7, field(1, b"\x01" * width))
    mark = field(2, field(1, np.array([9], "<f4").tobytes()))
    record: bytes = frame(field(1, name + field(2, one)) + field(2, name + field(2, mark)))
    return record


def check_broken_records_are_refused() -> None:
    refused(b"1,2,3\n4,5,6\n", RECORDIO, "not RecordIO")
    refused(FLOAT32[:60], RECORDIO, "longer than its data")
    refused(FLOAT32[:5], RECORDIO, "within a record's header")
    random = np.random.RandomState(1)
    for _ in range(3000):  # whatever is flipped: read, or refused in words
        data = bytearray(random.choice([FLOAT32, FLOAT64, INT32, SPARSE, SPARSE64]))
        data[random.randint(len(data))] = random.randint(256)
        try:
            recordio.read(bytes(data))
        except CustomerError:
            continue


def check_answers_are_records_of_labels() -> None:
    body, kind = encode(
        Answer({"score": np.array([[0.25, 0.75]]), "predicted_label": np.array([1])}), RECORDIO
    )
    assert kind == RECORDIO
    found, label = recordio.parse(body, 8, len(body))
    assert (found, label) == (None, None), "their keys are the answer's names, not 'values'"
    assert np.array([0.25, 0.75], "<f4").tobytes() in body
    assert b"predicted_label" in body


def check_answers_as_text() -> None:
    answer = Answer({"score": np.array([0.5, 0.25]), "predicted_label": np.array([1, 0])})
    json = b'{"predictions": [{"score": 0.5, "predicted_label": 1}, {"score": 0.25, "predicted_label": 0}]}'
    for accept in ("", "*/*", "application/json", "application/json; verbose=true", "text/html, */*"):
        assert encode(answer, accept) == (json, "application/json")
    assert encode(answer, "text/csv")[0] == b"0.5,1\n0.25,0\n"
    assert (
        encode(answer, "application/jsonlines")[0].splitlines()[1] == b'{"score": 0.25, "predicted_label": 0}'
    )
    try:
        encode(answer, "image/png")
    except UnsupportedContent:
        return
    raise AssertionError("image/png was written")


def check_csv() -> None:
    assert read(b"1,2\r\n3, 4 \n\n", "text/csv", labelled=False).features.tolist() == [[1, 2], [3, 4]]
    table = read(b"1,2,3\n0,5,6", "text/csv", labelled=True)
    assert (table.labels.tolist(), table.features.tolist()) == ([1, 0], [[2, 3], [5, 6]])
    assert read(b"1,2,3", "text/csv;label_size=0", labelled=True).labels is None
    weighted = read(b"1,0.5,3\n0,2,6", "text/csv", labelled=True, weighted=True)
    assert (weighted.weights.tolist(), weighted.features.tolist()) == ([0.5, 2], [[3], [6]])
    gap = read(b"1,,3", "text/csv", labelled=True).features
    assert np.isnan(gap[0, 0])
    refused(b"a,b\n1,2", "text/csv", "'a' in row 1 of the CSV is not a number. A CSV must not have a header.")
    refused(b"1,2\n1,2,3", "text/csv", "Row 2 of the CSV has 3 columns, and row 1 has 2")
    refused(b"", "text/csv", "empty")
    refused(b"1\n2\n", "text/csv", "too few", labelled=True)
    refused(b"1,2", "text/csv;label_size=2", "label_size=2", labelled=True)


def check_libsvm() -> None:
    table = read(b"1 0:0.5 3:2 # a remark\n0\n1 1:1e2\n", "text/libsvm", labelled=True)
    assert table.features.toarray().tolist() == [[0.5, 0, 0, 2], [0, 0, 0, 0], [0, 100, 0, 0]]
    assert table.labels.tolist() == [1, 0, 1]
    assert table.weights is None
    weighted = read(b"1:0.5 0:1\n-1:2 0:3\n", "text/x-libsvm", labelled=True)
    assert (weighted.labels.tolist(), weighted.weights.tolist()) == ([1, -1], [0.5, 2])
    bare = read(b"0:1 2:3\n1:1\n", "libsvm", labelled=False)
    assert bare.labels is None
    assert bare.features.toarray().tolist() == [[1, 0, 3], [0, 1, 0]]
    refused(b"1 x:2", "text/libsvm", "Line 1 is not libsvm")


def check_parquet() -> None:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"y": [1, 0], "a": [1.5, 2.5], "b": [3, 4]}), out)
    table = read(out.getvalue(), "application/x-parquet", labelled=True)
    assert (table.labels.tolist(), table.features.tolist()) == ([1, 0], [[1.5, 3], [2.5, 4]])
    refused(b"nonsense", "application/x-parquet", "not Parquet")
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"y": [1, 0], "a": ["x", "y"]}), out)
    refused(out.getvalue(), "application/x-parquet", "not Parquet of numeric columns")


def check_json() -> None:
    dense = read(b'{"instances": [{"features": [1, 2]}, {"data": {"features": {"values": [3, 4]}}}, [5, 6]]}',
                 "application/json", labelled=False)  # fmt: skip
    assert dense.features.tolist() == [[1, 2], [3, 4], [5, 6]]
    sparse = b'{"data": {"features": {"keys": [0, 3], "shape": [5], "values": [1, 2]}}}\n{"features": [1, 1, 1, 1, 1]}'
    assert read(sparse, "application/jsonlines", labelled=False).features.tolist() == [
        [1, 0, 0, 2, 0],
        [1] * 5,
    ]
    refused(b'{"rows": []}', "application/json", "instances")
    refused(
        b'{"instances": [{"features": [1]}, {"features": [1, 2]}]}', "application/json", "different numbers"
    )
    refused(
        b'{"data": {"features": {"keys": [9], "shape": [5], "values": [1]}}}',
        "application/jsonlines",
        "not an instance",
    )
    refused(b"nonsense", "application/jsonlines", "not JSONLines")


def check_files_of_a_channel_are_one_table() -> None:
    first, second = recordio.read(SPARSE), recordio.read(SPARSE64)
    said = ""
    try:
        joined([first, second])
    except CustomerError as error:
        said = str(error)
    assert "Some of the channel's files have labels" in said
    wide = joined([Table(first.features), second])
    assert wide.features.shape == (4, 4)
    assert wide.features.toarray()[3].tolist() == [0, 1.25, 0, 0]
