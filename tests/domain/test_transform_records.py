"""Records of batch transform: split, gathered, filtered, joined."""

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clary.domain.jsonpath import BadPath, NoMatch, compile_path
from clary.domain.transform_records import BadRecord, Joiner, payloads, records

PATHS = [
    ("$", [1, 2], [1, 2]),
    ("$[1]", [1, 2], 2),
    ("$[-1]", [1, 2], 2),
    ("$[1:]", [1, 2, 3], [2, 3]),
    ("$[0,-1]", [1, 2, 3], [1, 3]),
    ("$[0,2:4]", [1, 2, 3, 4, 5], [1, 3, 4]),
    ("$.a.b", {"a": {"b": 3}}, 3),
    ("$['a b'][0]", {"a b": [7]}, 7),
]


@pytest.mark.parametrize(("path", "value", "expected"), PATHS, ids=[path for path, _, _ in PATHS])
def test_a_path_finds(path: str, value: object, expected: object) -> None:
    assert compile_path(path)(value) == expected


@pytest.mark.parametrize("path", ["a", "$..a", "$[?(@.a)]", "$[a]", "$.a["])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(BadPath, match="JSONPath"):
        compile_path(path)


@pytest.mark.parametrize(
    ("path", "value"), [("$[3]", [1]), ("$.a", {"b": 1}), ("$[0]", {"b": 1}), ("$.a", [1])]
)
def test_a_record_that_lacks_what_is_named(path: str, value: object) -> None:
    with pytest.raises(NoMatch):
        compile_path(path)(value)


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: not set(b) & {10, 13})), st.integers(31, 200),
       st.sampled_from(["SingleRecord", "MultiRecord"]))  # fmt: skip
def test_lines_come_back_in_order_and_within_the_limit(lines: list[bytes], limit: int, strategy: str) -> None:
    file = io.BytesIO(b"\n".join(lines))
    found = list(payloads(records(file, "Line"), "Line", strategy, limit, None))
    assert [line for payload in found for line in payload.body.split(b"\n")] == lines
    assert all(len(payload.body) <= limit for payload in found)
    assert strategy == "MultiRecord" or all(len(payload.originals) == 1 for payload in found)


def test_recordio_and_tfrecord_keep_their_records_whole() -> None:
    def recordio(data: bytes) -> bytes:
        return struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)

    def tfrecord(data: bytes) -> bytes:
        return struct.pack("<QI", len(data), 1) + data + b"crc!"

    for frame, split in [(recordio, "RecordIO"), (tfrecord, "TFRecord")]:
        framed = [frame(data) for data in (b"one", b"", b"three hundred")]
        assert list(records(io.BytesIO(b"".join(framed)), split)) == framed
        with pytest.raises(BadRecord):
            list(records(io.BytesIO(framed[2][:-7]), split))
    with pytest.raises(BadRecord, match="magic"):
        list(records(io.BytesIO(b"not recordio"), "RecordIO"))


def test_a_record_beyond_the_limit() -> None:
    with pytest.raises(BadRecord, match="MaxPayloadInMB"):
        list(payloads([b"x" * 11], "Line", "MultiRecord", 10, None))
    assert len(list(payloads([b"x" * 11], "None", "MultiRecord", 0, None))) == 1


def test_csv_is_filtered_and_joined() -> None:
    joiner = Joiner(
        {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}, "text/csv", "text/csv"
    )
    (payload,) = payloads([b'id1,"a,b",2', b"id2,c,3"], "Line", "MultiRecord", 1000, joiner)
    assert payload.body == b'"a,b",2\nc,3'
    assert joiner.after(payload.originals, b"0.1\n0.2\n") == b"id1,0.1\nid2,0.2"
    with pytest.raises(BadRecord, match="answered 1 lines to 2 records"):
        joiner.after(payload.originals, b"0.1\n")


def test_json_is_joined_under_its_own_name() -> None:
    joiner = Joiner({"JoinSource": "Input"}, "application/json", "application/json")
    assert json.loads(joiner.after((b'{"id": 1}',), b'{"score": 0.5}')) == {
        "id": 1,
        "SageMakerOutput": {"score": 0.5},
    }
    assert json.loads(joiner.after((b"[1, 2]",), b"[3]")) == {
        "SageMakerInput": [1, 2],
        "SageMakerOutput": [3],
    }
    lines = Joiner({"JoinSource": "Input", "OutputFilter": "$.SageMakerOutput.score"}, "application/jsonlines",
                   "application/jsonlines")  # fmt: skip
    assert lines.after((b'{"id": 1}', b'{"id": 2}'), b'{"score": 5}\n{"score": 6}\n') == b"5\n6"
