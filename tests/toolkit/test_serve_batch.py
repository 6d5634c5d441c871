"""Requests that a worker takes together: what is stacked, what is split, and whose errors are whose."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httptools
import pytest

from clary.toolkit import serve_batch, serve_stack
from clary.toolkit.serve_http import Refused, Request

np = pytest.importorskip("numpy")


LARGE = 77.0
"""A prediction whose answer is larger than what may lie in a socket."""


class Doubler:
    """A script of which each step can be looked at."""

    def __init__(self, predict: Callable[[Any], Any] | None = None) -> None:
        self.stackable = True
        self.shapes: list[tuple[int, ...]] = []
        self._predict = predict or (lambda data: data[:, 0] * 2)

    def stacks(self) -> bool:
        return self.stackable

    def parse(self, request: Request) -> Any:
        if request.body == b"bad":
            raise Refused(400, "no table")
        return np.array(json.loads(request.body), dtype=float)

    def predicted(self, request: Request | None, data: Any) -> Any:
        self.shapes.append(data.shape)
        return self._predict(data)

    def rendered(self, request: Request, prediction: Any) -> Any:
        body = json.dumps(prediction.tolist()).encode()
        return 200, "application/json", body + b" " * (16 << 20 if LARGE in prediction.ravel() else 0), {}

    def __call__(self, request: Request) -> Any:
        return self.rendered(request, self.predicted(request, self.parse(request)))


def requests(*bodies: Any) -> list[Request]:
    return [
        Request("POST", "/invocations", {}, each if isinstance(each, bytes) else json.dumps(each).encode())
        for each in bodies
    ]


def shown(found: list[Any]) -> list[Any]:
    return [str(each) if isinstance(each, Exception) else json.loads(each[2]) for each in found]


def test_rows_are_stacked_and_the_answers_are_each_one_s_own() -> None:
    script = Doubler()
    found = serve_stack.answers(script, requests([[1, 9]], [[2, 9], [3, 9]], b"bad", [[4, 9]]))
    assert shown(found) == [[2], [4, 6], "no table", [8]]
    assert script.shapes == [(4, 2)]


def test_what_differs_in_more_than_its_rows_is_predicted_apart() -> None:
    script = Doubler(lambda data: data.sum(axis=-1))
    found = serve_stack.answers(script, requests([[1, 1]], [[1, 1, 1]], [5, 6], [[2, 2]], [[2, 2, 2]]))
    assert shown(found) == [[2], [3], 11, [4], [6]]
    assert script.shapes == [(2, 2), (2, 3), (2,)]


def test_a_stack_that_fails_is_done_one_by_one() -> None:
    def predict(data: Any) -> Any:
        if (data < 0).any():
            raise ValueError("negative")
        return data[:, 0]

    script = Doubler(predict)
    assert shown(serve_stack.answers(script, requests([[1]], [[-1]], [[3]]))) == [[1], "negative", [3]]
    assert script.stackable


def test_a_predict_fn_that_answers_otherwise_sees_each_request_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = Doubler(lambda data: data.mean(axis=0))
    assert shown(serve_stack.answers(script, requests([[1, 2]], [[3, 4], [5, 6]]))) == [[1, 2], [4, 5]]
    assert not script.stackable
    assert "one by one from here on" in capsys.readouterr().err
    serve_stack.answers(script, requests([[1, 2]], [[3, 4]]))
    assert len([shape for shape in script.shapes if shape == (3, 2)]) == 1


def test_several_outputs_are_split_by_name() -> None:
    assert serve_stack._split({"a": np.array([1, 2, 3]), "b": [4, 5, 6]}, [1, 2]) is not None
    assert serve_stack._split({"a": np.array([1, 2])}, [1, 2]) is None
    assert serve_stack._split("abc", [1, 2]) is None
    assert serve_stack._split(7, [1]) is None


class Reply:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.body = b""
        self.headers: dict[str, str] = {}
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.done = True


class Talk:
    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)

    def ask(self, body: bytes, path: str = "/invocations") -> None:
        self.socket.sendall(
            b"POST %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(body)) + body
        )

    def answer(self) -> tuple[int, bytes, dict[str, str]]:
        reply = Reply()
        parser = httptools.HttpResponseParser(reply)
        while not reply.done:
            data = self.socket.recv(1 << 16)
            assert data, "the connection ended"
            parser.feed_data(data)
        return parser.get_status_code(), reply.body, reply.headers


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Talk]]:
    """Callers of a server in a thread, whose batches have up to eight requests and wait for 5 s to be full."""
    monkeypatch.setenv(serve_batch.SIZE, "8")
    monkeypatch.setenv(serve_batch.DELAY, "5000")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("signal.set_wakeup_fd", lambda *_: None)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "0.sock"))
    listener.listen(16)
    server = serve_batch.Server(listener, SCRIPT)
    thread = threading.Thread(target=server.run)
    thread.start()
    talks: list[Talk] = []

    def start() -> Talk:
        talks.append(Talk(str(tmp_path / "0.sock")))
        return talks[-1]

    yield start
    for each in talks:
        each.socket.close()
    server.stop()
    os.write(server.wake, b"x")
    thread.join(30)
    assert not thread.is_alive()
    listener.close()


SCRIPT = Doubler()


def test_all_who_are_there_are_answered_together(talk: Callable[[], Talk]) -> None:
    SCRIPT.shapes.clear()
    callers = [talk() for _ in range(4)]
    for caller in callers:
        caller.ask(b"", "/ping")
        assert caller.answer()[0] == 200
    for number, caller in enumerate(callers):  # nobody else can come, so nobody waits for 5 s
        caller.ask(b"bad" if number == 2 else b"[[%d]]" % number)
    assert [caller.answer()[:2] for caller in callers] == [
        (200, b"[0.0]"), (200, b"[2.0]"), (400, b"no table"), (200, b"[6.0]"),
    ]  # fmt: skip
    assert SCRIPT.shapes == [(3, 1)]
    callers[0].ask(b"", "/elsewhere")
    assert callers[0].answer()[0] == 404


def test_who_reads_slowly_or_leaves_holds_up_nobody(talk: Callable[[], Talk]) -> None:
    slow, gone, well = talk(), talk(), talk()
    for caller in (slow, gone, well):
        caller.ask(b"", "/ping")
        caller.answer()
    gone.ask(b"[[1]]")
    gone.socket.close()
    slow.ask(b"[[38.5]]")
    well.ask(b"[[2]]")
    assert well.answer()[:2] == (200, b"[4.0]")
    for number in range(3):  # the slow one has read nothing yet
        well.ask(b"[[%d]]" % number)
        assert well.answer()[1] == b"[%.1f]" % (number * 2)
    assert len(slow.answer()[1]) > 16 << 20
