"""TensorFlow's serving images: what becomes a request, and what the script's handlers see. No TensorFlow is needed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from clary.toolkit import serve_tfs
from clary.toolkit.serve_http import Refused, Request
from clary.toolkit.serve_tensorflow import TensorFlow, csv_rows, request

MODEL_NAME = "x-amzn-sagemaker-custom-attributes"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ('{"instances": [1]}', "application/json", {"instances": [1]}),
        ('{"signature_name": "s", "inputs": {"a": 1}}', "application/json", {"signature_name": "s", "inputs": {"a": 1}}),
        ("[1, 2]", "application/json", {"instances": [[1, 2]]}),
        ("[[1, 2], [3, 4]]", "application/json; charset=utf-8", {"instances": [[1, 2], [3, 4]]}),
        ('{"a": 1}', "application/json", {"instances": [{"a": 1}]}),
        ('{"a": 1}\n{"a": 2}\n', "application/json", {"instances": [{"a": 1}, {"a": 2}]}),
        ("[1]\n[2]", "application/jsonlines", {"instances": [[1], [2]]}),
        ("[1, 2]", "application/jsonlines", {"instances": [[1, 2]]}),
        ("1,2\n3,4\n", "text/csv", {"instances": [[1, 2], [3, 4]]}),
        ("1.5\n-2\n", "text/csv", {"instances": [1.5, -2]}),
        ("a,1\n", "text/csv", {"instances": [["a", "1"]]}),
    ],
)  # fmt: skip
def test_a_body_becomes_a_request_of_tensorflow_serving(body: str, kind: str, expected: object) -> None:
    assert json.loads(request(body, kind)) == expected


def test_cells_that_json_does_not_know() -> None:
    assert csv_rows("1.,.5,+2,007,nan,\n") == ["[1.0, 0.5, 2.0, 7, NaN, NaN]"]


def test_other_types_are_refused() -> None:
    with pytest.raises(Refused, match="image/png") as raised:
        request(b"\x00", "image/png")
    assert raised.value.status_code == 415


class Echo(serve_tfs.Models):
    """Answers what it was asked, as a model that is not loaded could."""

    def __init__(self) -> None:
        self.paths = {"first": {1: "", 3: ""}}
        self.default = "first"

    def ask(
        self, body: bytes | str, name: str = "", version: int | None = None, method: str = "predict"
    ) -> tuple[int, bytes]:
        asked = json.loads(body)
        if "fail" in asked:
            return 400, b'{"error": "no"}'
        return 200, json.dumps({"asked": asked, "of": [name, version, method]}).encode()


def invoke(script: object, body: str, kind: str = "application/json", attributes: str = "") -> Any:
    asked = Request("POST", "/invocations", {"content-type": kind, MODEL_NAME: attributes}, body.encode())
    transform = TensorFlow().handlers(script, SimpleNamespace(request=asked))
    assert transform is not None
    return transform(Echo(), body, kind, "a/b")


def test_custom_attributes_choose_model_version_and_method() -> None:
    content, kind = invoke(None, "[1]", attributes="tfs-model-name=b,tfs-model-version=3,tfs-method=classify")
    assert (json.loads(content), kind) == (
        {"asked": {"instances": [[1]]}, "of": ["b", 3, "classify"]}, "application/json",
    )  # fmt: skip
    content, _ = invoke(None, "[1]")
    assert json.loads(content)["of"] == ["first", None, "predict"]
    with pytest.raises(Refused, match='"error": "no"') as raised:
        invoke(None, '{"instances": [], "fail": 1}')
    assert raised.value.status_code == 400


def test_handlers_come_before_and_after() -> None:
    def before(data: Any, context: Any) -> str:
        assert (context.request_content_type, context.accept_header) == ("x/y", "a/b")
        return json.dumps({"instances": [data.read().decode()]})

    def after(answer: Any, context: Any) -> tuple[str, str]:
        assert (answer.status_code, answer.ok) == (200, True)
        return f"{answer.json()['asked']['instances'][0]} {context.model_name}", "text/plain"

    script = SimpleNamespace(input_handler=before, output_handler=after)
    assert invoke(script, "hello", "x/y") == ("hello first", "text/plain")
    with pytest.raises(NotImplementedError, match="only one of input_handler and output_handler"):
        TensorFlow().handlers(SimpleNamespace(input_handler=before), None)


def test_a_handler_asks_the_model_itself() -> None:
    def handler(data: Any, context: Any) -> tuple[bytes, str]:
        with urllib.request.urlopen(context.rest_uri, data.read()) as answer:
            return answer.read(), answer.headers["Content-Type"]

    content, kind = invoke(
        SimpleNamespace(handler=handler), '{"instances": [7]}', attributes="tfs-model-version=1"
    )
    assert json.loads(content) == {"asked": {"instances": [7]}, "of": ["first", 1, "predict"]}
    assert kind == "application/json"

    def status(data: Any, context: Any) -> tuple[bytes, str]:
        with urllib.request.urlopen(context.rest_uri.rsplit(":", 1)[0]) as answer:
            return answer.read(), "x"

    told = json.loads(invoke(SimpleNamespace(handler=status), "")[0])["model_version_status"]
    assert [each["version"] for each in told] == ["1", "3"]

    def wrong(data: Any, context: Any) -> tuple[bytes, str]:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(context.rest_uri.replace("/v1/", "/v2/"), b"{}")
        return b"", "x"

    invoke(SimpleNamespace(handler=wrong), "")


def test_a_script_of_other_images_functions_is_left_to_them() -> None:
    assert TensorFlow().handlers(SimpleNamespace(input_fn=print), None) is None
    assert TensorFlow().handlers(SimpleNamespace(transform_fn=print), None) is None


def test_names_and_versions_are_folders(tmp_path: Any) -> None:
    named = serve_tfs._named
    root = str(tmp_path)
    assert named(f"{root}/export/Servo/1653", root) == ("Servo", 1653)
    assert named(f"{root}/1", root) == ("model", 1)
    assert named(f"{root}/half", root) == ("half", 0)
    assert named(root, root) == ("model", 0)
