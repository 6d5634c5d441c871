"""The page that is found before it is asked for: the same as one found anew, and never an old one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.server import Running, ports_in, running

import clary.services.sagemaker.components  # noqa: F401
from clary.api.ahead import Ahead
from clary.services.sagemaker import search
from clary.storage.memory import MemoryStore

BY_NAME = {"Resource": "ExperimentTrialComponent", "SortBy": "TrialComponentName", "SortOrder": "Ascending"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    ports = ports_in(tmp_path)
    with running(ports, ["sagemaker"]) as started:
        yield started
    ports.ahead.close()
    ports.store.close()


def names(answer: dict[str, Any]) -> list[str]:
    return [hit["TrialComponent"]["TrialComponentName"] for hit in answer["Results"]]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Requests for which a page was really looked for."""
    requests: list[dict[str, Any]] = []
    find = search.find

    def watched(ctx: Any, request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return find(ctx, request)

    monkeypatch.setattr(search, "find", watched)
    return requests


@pytest.fixture
def components(server: Running) -> list[str]:
    client = server.client("sagemaker")
    made = [f"c-{number:03}" for number in range(130)]
    for name in made:
        client.create_trial_component(TrialComponentName=name, DisplayName=name)
    return made


def test_the_next_page_is_there_when_it_is_asked_for(
    server: Running, components: list[str], found: list[dict[str, Any]]
) -> None:
    client = server.client("sagemaker")
    first = client.search(**BY_NAME)
    second = client.search(**BY_NAME, NextToken=first["NextToken"])
    assert names(first) + names(second) == components
    assert len(found) == 2, "found ahead, and not again"
    assert "NextToken" not in second


def test_what_was_written_meanwhile_is_seen(
    server: Running, components: list[str], found: list[dict[str, Any]]
) -> None:
    client = server.client("sagemaker")
    first = client.search(**BY_NAME)
    until = time.monotonic() + 10
    while len(found) < 2 and time.monotonic() < until:
        time.sleep(0.005)
    client.update_trial_component(TrialComponentName="c-120", DisplayName="changed")
    client.delete_trial_component(TrialComponentName="c-121")
    second = client.search(**BY_NAME, NextToken=first["NextToken"])
    shown = {
        hit["TrialComponent"]["TrialComponentName"]: hit["TrialComponent"]["DisplayName"]
        for hit in second["Results"]
    }
    assert shown["c-120"] == "changed"
    assert "c-121" not in shown
    assert len(shown) == 29


def test_one_who_names_a_number_of_hits_has_no_page_found_ahead(
    server: Running, components: list[str], found: list[dict[str, Any]]
) -> None:
    server.client("sagemaker").search(Resource="ExperimentTrialComponent", MaxResults=100)
    time.sleep(0.1)
    assert len(found) == 1


def test_an_answer_is_given_once_and_to_its_own_question() -> None:
    ahead = Ahead(MemoryStore())
    ahead.make(b"a", lambda: {"page": 2})
    assert ahead.take(b"b") is None
    assert ahead.take(b"a") == {"page": 2}
    assert ahead.take(b"a") is None


def test_one_that_was_made_before_a_commit_is_forgotten() -> None:
    store = MemoryStore()
    ahead = Ahead(store)
    began, written = threading.Event(), threading.Event()

    def find() -> dict[str, Any]:
        began.set()
        written.wait(10)
        return {"page": 2}

    ahead.make(b"a", find)
    began.wait(10)
    with store.begin():
        pass
    written.set()
    assert ahead.take(b"a") is None


def test_a_store_that_closes_meanwhile_is_no_failure() -> None:
    store = MemoryStore()
    ahead = Ahead(store)
    ahead.make(b"a", lambda: {"page": 2})
    store.close()
    ahead.close()
    ahead.make(b"b", lambda: {"page": 3})
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
