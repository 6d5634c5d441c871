"""The model server's own parts: codecs, the framework's functions, the script's, without a server around them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clary.toolkit import serve_codecs, serve_http, serve_script
from clary.toolkit.serve_http import Refused, Request


def test_csv_is_a_table_of_numbers() -> None:
    assert serve_codecs.rows("1,2\n\n3,4\n") == [[1, 2], [3, 4]]
    assert str(serve_codecs.rows("1,")[0][1]) == "nan"
    for text, words in [("1,a", "not a number"), ("1\n1,2", "not of one length")]:
        with pytest.raises(Refused, match=words):
            serve_codecs.rows(text)


def test_what_is_accepted_decides_the_answer_s_form() -> None:
    assert serve_codecs.encode([[1, 2], [3, 4]], "text/csv") == (b"1,2\n3,4\n", "text/csv")
    assert serve_codecs.encode({"a": 1}, "*/*") == (b'{"a": 1}', "application/json")
    assert serve_codecs.encode([1], "image/png, application/json;q=0.5")[1] == "application/json"
    with pytest.raises(Refused) as raised:
        serve_codecs.encode([1], "image/png")
    assert raised.value.status_code == 406


def script(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> serve_script.Script:
    """Each has a module's name of its own, as tests share a process."""
    (folder / "code").mkdir()
    (folder / "code" / f"{folder.name}.py").write_text(text)
    monkeypatch.setenv("SAGEMAKER_PROGRAM", f"{folder.name}.py")
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    return serve_script.Script(str(folder), str(folder / "none"))


def test_a_script_s_functions_are_called_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
def model_fn(model_dir, context): return context.system_properties["model_dir"]
def input_fn(body, content_type): return type(body).__name__, content_type
def predict_fn(data, model): return [*data, model]
def output_fn(prediction, accept, context):
    return "|".join([*prediction, accept, context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")]), "a/b"
"""
    served = script(tmp_path, text, monkeypatch)
    headers = {"content-type": "text/csv", "accept": "c/d", "x-amzn-sagemaker-custom-attributes": "mine"}
    answer = served(Request("POST", "/invocations", headers, b"1,2"))
    assert answer == (200, "a/b", f"str|text/csv|{tmp_path}|c/d|mine".encode(), {})
    headers["content-type"] = "application/x-image"
    assert served(Request("POST", "/invocations", headers, b"\xff"))[2].startswith(b"bytes|")  # type: ignore[attr-defined]


def test_what_a_function_answers_becomes_a_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
class Response:
    mimetype, status_code = "x/y", 201
    def get_data(self): return b"made"
def model_fn(model_dir): return {"text": "t", "bytes": b"b", "none": None, "list": [1], "response": Response()}
def transform_fn(model, body, content_type, accept): return model[body]
"""
    served = script(tmp_path, text, monkeypatch)

    def ask(what: str) -> tuple[int, str, object, dict[str, str]]:
        return served(Request("POST", "/invocations", {"content-type": "text/csv"}, what.encode()))

    assert [ask(what)[2] for what in ("text", "bytes", "none")] == [b"t", b"b", b""]
    assert json.loads(ask("list")[2]) == [1]  # type: ignore[arg-type]
    assert ask("response") == (201, "x/y", b"made", {})


def test_a_program_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "absent.py")
    with pytest.raises(Exception, match=r"absent\.py .*is not there"):
        serve_script.Script(str(tmp_path), str(tmp_path / "none"))


def test_the_head_of_an_answer() -> None:
    head = serve_http.head(424, "text/plain", {"Connection": "close"}, "Content-Length: 0")
    assert (
        head
        == b"HTTP/1.1 424 Status\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
