"""Listing against the plainest model of it: sort the keys by their UTF-8 bytes, group, cut into pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.support.s3 import S3, refused

from clary.services.s3.listing import walk
from clary.storage.ports import ObjectRecord

KEY = st.text(st.sampled_from("ab/c\U0010ffff\ue000"), min_size=1, max_size=6)


def record(bucket: str, key: str) -> ObjectRecord:
    return ObjectRecord(bucket, key, "", 0, '"x"', 0.0)


def expected(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """Keys, and common prefixes with a mark before them, in the order in which they must come."""
    found: list[str] = []
    for key in sorted((key for key in keys if key.startswith(prefix)), key=str.encode):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = key if cut < 0 else f"*{key[: cut + len(delimiter)]}"
        if entry not in found:
            found.append(entry)
    return found


@given(
    keys=st.sets(KEY, max_size=30),
    prefix=st.sampled_from(["", "a", "a/", "/", "b//"]),
    delimiter=st.sampled_from(["", "/", "a", "//"]),
    size=st.integers(1, 7),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_any_size_show_each_entry_once(
    s3: S3, bucket: str, keys: set[str], prefix: str, delimiter: str, size: int
) -> None:
    store = s3.server.ports.store
    with store.begin() as tx:
        for old in tx.objects.list(bucket):
            tx.objects.delete(bucket, old.key)
        for key in keys:
            tx.objects.put(record(bucket, key))
    shown: list[str] = []
    after = ""
    with store.read() as tx:
        while True:
            page = walk(tx, bucket, prefix, delimiter, after, size)
            found = [item.key for item in page.records] + [f"*{item}" for item in page.prefixes]
            assert 0 < len(found) <= size or not page.truncated
            shown += sorted(found, key=lambda entry: entry.removeprefix("*").encode())
            if not page.truncated:
                break
            after = page.last
    assert shown == expected(keys, prefix, delimiter)


@pytest.fixture
def tree(s3: S3, bucket: str) -> str:
    with s3.server.ports.store.begin() as tx:
        for key in ("a/1", "a/2", "a/b/3", "c", "d/", "d/4", "e f+g%", "é"):
            tx.objects.put(record(bucket, key))
    return bucket


def test_version_2(s3: S3, tree: str) -> None:
    page = s3.client.list_objects_v2(Bucket=tree, Delimiter="/")
    assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["a/", "d/"]
    assert [item["Key"] for item in page["Contents"]] == ["c", "e f+g%", "é"]
    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"], page["Name"]) == (5, False, 1000, tree)
    assert "Owner" not in page["Contents"][0]
    owned = s3.client.list_objects_v2(Bucket=tree, FetchOwner=True)
    assert len(owned["Contents"][0]["Owner"]["ID"]) == 64
    assert s3.keys(tree, Prefix="a/") == ["a/1", "a/2", "a/b/3"]
    assert s3.keys(tree, StartAfter="c") == ["d/", "d/4", "e f+g%", "é"]
    assert s3.keys(tree, Delimiter="", Prefix="d") == ["d/", "d/4"]
    assert s3.keys(tree, PaginationConfig={"PageSize": 3}) == s3.keys(tree)
    below = s3.client.list_objects_v2(Bucket=tree, Delimiter="/", Prefix="d/")
    assert [item["Key"] for item in below["Contents"]] == ["d/", "d/4"]


def test_pages_with_prefixes(s3: S3, tree: str) -> None:
    pages = s3.client.get_paginator("list_objects_v2").paginate(
        Bucket=tree, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    entries = [
        [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        + [item["Key"] for item in page.get("Contents", ())]
        for page in pages
    ]
    assert entries == [["a/"], ["c"], ["d/"], ["e f+g%"], ["é"]]
    pages = s3.client.get_paginator("list_objects").paginate(
        Bucket=tree, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    entries = [
        [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        + [item["Key"] for item in page.get("Contents", ())]
        for page in pages
    ]
    assert entries == [["a/"], ["c"], ["d/"], ["e f+g%"], ["é"]]


def test_version_1(s3: S3, tree: str) -> None:
    page = s3.client.list_objects(Bucket=tree, MaxKeys=2)
    assert [item["Key"] for item in page["Contents"]] == ["a/1", "a/2"]
    assert page["IsTruncated"]
    assert "NextMarker" not in page
    following = s3.client.list_objects(Bucket=tree, Marker="a/2", MaxKeys=2)
    assert [item["Key"] for item in following["Contents"]] == ["a/b/3", "c"]
    pages = s3.client.get_paginator("list_objects").paginate(Bucket=tree, PaginationConfig={"PageSize": 3})
    assert [item["Key"] for page in pages for item in page["Contents"]] == s3.keys(tree)


def test_max_keys(s3: S3, tree: str) -> None:
    empty = s3.client.list_objects_v2(Bucket=tree, MaxKeys=0)
    assert (empty["KeyCount"], empty["IsTruncated"], "Contents" in empty) == (0, False, False)
    assert s3.client.list_objects_v2(Bucket=tree, MaxKeys=5000)["MaxKeys"] == 1000
    with refused("InvalidArgument", 400):
        s3.client.list_objects_v2(Bucket=tree, MaxKeys=-1)
    with refused("InvalidArgument", 400):
        s3.client.list_objects_v2(Bucket=tree, ContinuationToken="not one")


def test_a_walk_seeks_past_what_a_prefix_stands_for(s3: S3, bucket: str) -> None:
    """Rows read are a matter of the entries shown, not of the keys below them."""

    class Counting:
        def __init__(self, objects: Any) -> None:
            self._objects, self.rows = objects, 0

        def list(self, *args: Any, **options: Any) -> Any:
            rows = self._objects.list(*args, **options)
            self.rows += len(rows)
            return rows

    class Transaction:
        def __init__(self, objects: Counting) -> None:
            self.objects = objects

    store = s3.server.ports.store
    with store.begin() as tx:
        for folder in range(10):
            for number in range(500):
                tx.objects.put(record(bucket, f"{folder}/{number}"))
    with store.read() as tx:
        counting = Counting(tx.objects)
        page = walk(Transaction(counting), bucket, "", "/", "", 1000)  # type: ignore[arg-type]
    assert page.prefixes == [f"{folder}/" for folder in range(10)]
    assert counting.rows < 500


class Bucket(RuleBasedStateMachine):
    """Random puts, deletes, copies and lists, against a dictionary."""

    s3: S3
    bucket: str

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, bytes] = {}
        for key in self.s3.keys(self.bucket):
            self.s3.client.delete_object(Bucket=self.bucket, Key=key)

    @rule(key=KEY, data=st.binary(max_size=20))
    def put(self, key: str, data: bytes) -> None:
        self.s3.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        self.model[key] = data

    @rule(key=KEY)
    def delete(self, key: str) -> None:
        self.s3.client.delete_object(Bucket=self.bucket, Key=key)
        self.model.pop(key, None)

    @rule(key=KEY, data=st.data())
    def copy(self, key: str, data: st.DataObject) -> None:
        if self.model:
            source = data.draw(st.sampled_from(sorted(self.model)))
            if source != key:
                self.s3.client.copy_object(
                    Bucket=self.bucket, Key=key, CopySource={"Bucket": self.bucket, "Key": source}
                )
                self.model[key] = self.model[source]

    @rule(keys=st.lists(KEY, min_size=1, max_size=4, unique=True))
    def delete_many(self, keys: list[str]) -> None:
        objects = [{"Key": key} for key in keys]
        self.s3.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects})
        for key in keys:
            self.model.pop(key, None)

    @rule(key=KEY)
    def get(self, key: str) -> None:
        if key in self.model:
            assert self.s3.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() == self.model[key]
        else:
            with refused("NoSuchKey"):
                self.s3.client.get_object(Bucket=self.bucket, Key=key)

    @invariant()
    def the_list_is_the_model(self) -> None:
        assert self.s3.keys(self.bucket) == sorted(self.model, key=str.encode)


def test_a_bucket_is_a_dictionary(s3: S3, bucket: str) -> None:
    machine = type("Machine", (Bucket,), {"s3": s3, "bucket": bucket})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
