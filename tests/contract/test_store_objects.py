"""S3's metadata: buckets, objects by the bytes of their keys, multipart uploads."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clary.storage.ports import Bucket, Conflict, Exists, Missing, ObjectRecord, Part, Store, Upload

BUCKET = Bucket("b", "1", "us-east-1", 1.0, {"Versioning": None})


def record(key: str, blob: str = "blob", bucket: str = "b") -> ObjectRecord:
    return ObjectRecord(bucket, key, blob, 3, '"etag"', 2.0, {"ContentType": "text/plain"})


def test_buckets(store: Store) -> None:
    with store.begin() as tx:
        tx.objects.create_bucket(BUCKET)
        tx.objects.create_bucket(replace(BUCKET, name="a"))
        tx.objects.create_bucket(replace(BUCKET, name="c", account="2"))
        with pytest.raises(Exists):
            tx.objects.create_bucket(replace(BUCKET, account="2"))
        assert tx.objects.find_bucket("b") == BUCKET
        assert tx.objects.find_bucket("none") is None
        assert [bucket.name for bucket in tx.objects.list_buckets("1")] == ["a", "b"]
        tx.objects.update_bucket(replace(BUCKET, document={"x": 1}))
        assert tx.objects.find_bucket("b") == replace(BUCKET, document={"x": 1})
        with pytest.raises(Missing):
            tx.objects.update_bucket(replace(BUCKET, name="none"))
        with pytest.raises(Missing):
            tx.objects.delete_bucket("none")
        tx.objects.delete_bucket("a")
        assert tx.objects.find_bucket("a") is None


def test_a_bucket_with_something_in_it_stays(store: Store) -> None:
    with store.begin() as tx:
        tx.objects.create_bucket(BUCKET)
        tx.objects.put(record("k"))
        with pytest.raises(Conflict):
            tx.objects.delete_bucket("b")
        tx.objects.delete("b", "k")
        tx.objects.create_upload(Upload("u", "b", "k", 1.0))
        with pytest.raises(Conflict):
            tx.objects.delete_bucket("b")
        tx.objects.delete_upload("u")
        tx.objects.delete_bucket("b")


def test_objects_replace_and_answer_what_stood_there(store: Store) -> None:
    first, second = record("k"), replace(record("k", "other"), size=4, document={})
    with store.begin() as tx:
        assert tx.objects.put(first) is None
        assert tx.objects.put(second) == first
        assert tx.objects.find("b", "k") == second
        assert not tx.objects.blob_in_use("blob")
        assert tx.objects.blob_in_use("other")
        assert tx.objects.find("b", "K") is None
        assert tx.objects.delete("b", "k") == second
        assert tx.objects.delete("b", "k") is None


def test_keys_come_in_the_order_of_their_bytes(store: Store) -> None:
    keys = [
        "a",
        "A",
        "a/",
        "a/b",
        "a/é",
        "a/\ue000",
        "a/\U0001f600",
        "b",
        "a0",
        "\U0010ffff",
        "\U0010ffffx",
        "x" * 1024,
    ]
    with store.begin() as tx:
        for key in keys:
            tx.objects.put(record(key))
        tx.objects.put(record("a/elsewhere", bucket="c"))
    ordered = sorted(keys, key=str.encode)

    def listed(**arguments: str | int) -> list[str]:
        with store.read() as tx:
            return [found.key for found in tx.objects.list("b", **arguments)]  # type: ignore[arg-type]

    assert listed() == ordered
    assert listed(prefix="a/") == [key for key in ordered if key.startswith("a/")]
    assert listed(prefix="\U0010ffff") == ordered[-2:]
    assert listed(after="a/b", limit=2) == ordered[ordered.index("a/b") + 1 :][:2]
    assert listed(prefix="a/", after="a/é") == ["a/\ue000", "a/\U0001f600"]
    assert listed(prefix="none") == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(
        st.text(st.sampled_from("a/\ud7ff\ue000\uffff\U0010ffff"), min_size=1, max_size=4), max_size=8
    ),
    prefix=st.text(st.sampled_from("a/\ud7ff\ue000\uffff\U0010ffff"), max_size=2),
    after=st.text(st.sampled_from("a/\ud7ff\U0010ffff"), max_size=2),
)
def test_any_prefix_finds_its_keys(store: Store, keys: set[str], prefix: str, after: str) -> None:
    with store.begin() as tx:
        for found in tx.objects.list("b"):
            tx.objects.delete("b", found.key)
        for key in keys:
            tx.objects.put(record(key))
        expected = sorted((key for key in keys if key.startswith(prefix) and key > after), key=str.encode)
        assert [found.key for found in tx.objects.list("b", prefix=prefix, after=after)] == expected


def test_uploads_and_their_parts(store: Store) -> None:
    upload = Upload("u1", "b", "k", 1.0, {"ContentType": "x"})
    parts = [Part(number, f"blob{number}", 5, '"e"', 2.0, {"n": number}) for number in (1, 2, 10)]
    with store.begin() as tx:
        tx.objects.create_upload(upload)
        for other in (Upload("u2", "b", "k", 1.0), Upload("u0", "b", "l", 1.0), Upload("u3", "c", "k", 1.0)):
            tx.objects.create_upload(other)
        assert tx.objects.find_upload("u1") == upload
        assert tx.objects.find_upload("none") is None
        assert [found.id for found in tx.objects.list_uploads("b")] == ["u1", "u2", "u0"]
        assert [found.id for found in tx.objects.list_uploads("b", prefix="k", after=("k", "u1"))] == ["u2"]
        assert [found.id for found in tx.objects.list_uploads("b", limit=1)] == ["u1"]
        for part in reversed(parts):
            assert tx.objects.put_part("u1", part) is None
        again = replace(parts[1], blob="again")
        assert tx.objects.put_part("u1", again) == parts[1]
        assert tx.objects.list_parts("u1") == [parts[0], again, parts[2]]
        assert tx.objects.list_parts("u1", after=1, limit=1) == [again]
        assert tx.objects.blob_in_use("again")
        assert not tx.objects.blob_in_use("blob2")
        with pytest.raises(Missing):
            tx.objects.put_part("none", parts[0])
        assert tx.objects.delete_upload("u1") == [parts[0], again, parts[2]]
        assert tx.objects.delete_upload("u1") == []
        assert tx.objects.list_parts("u1") == []
        assert not tx.objects.blob_in_use("again")


def test_the_greatest_key_is_listed(store: Store) -> None:
    greatest = "\U0010ffff" * 256
    with store.begin() as tx:
        tx.objects.create_bucket(Bucket("b", "1", "r", 0.0))
        tx.objects.put(record(greatest))
        assert [found.key for found in tx.objects.list("b")] == [greatest]
        assert [found.key for found in tx.objects.list("b", prefix="\U0010ffff")] == [greatest]
