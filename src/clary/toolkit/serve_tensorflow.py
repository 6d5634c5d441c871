"""TensorFlow's serving images: SavedModels behind TensorFlow Serving's REST, with the user's handlers before and after.

    input_handler(data, context)     -> the body for TensorFlow Serving    `data` is a stream
    output_handler(answer, context)  -> (body, content type)               `answer` has status_code and content
    handler(data, context)           -> (body, content type)               in place of both; asks context.rest_uri itself

Without them a body becomes a request as AWS's images make it one: JSON with `instances`, `inputs` or `examples` as it is;
other JSON is an instance, or a list of them; lines of JSON and of CSV are an instance each.

CustomAttributes choose: `tfs-model-name=a,tfs-model-version=2,tfs-method=classify`. A script may have the functions of
the other images instead (`model_fn`, `input_fn`, ...).

https://github.com/aws/sagemaker-tensorflow-serving-container
"""

import json
import re
from collections import namedtuple
from io import BytesIO

from . import serve_codecs, serve_tfs, serve_tfs_http
from .serve_codecs import JSON
from .serve_http import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

STEPS = ("transform_fn", "input_fn", "predict_fn", "output_fn", "model_fn")
JSON_LINES = ("application/jsonlines", "application/jsons")
_ATTRIBUTE = re.compile(r"\btfs-(model-name|model-version|method)=([^,\s]+)")
_REQUEST = re.compile(r'"(instances|inputs|examples)"\s*:')
_LINES = re.compile(r"[}\]]\s*[\[{]")
"""Values of JSON that only white space parts."""
_ROWS = re.compile(r"\s*\[\s*\[")
_WHOLE = re.compile(r"-?\d+$")

Context = namedtuple(
    "Context",
    "model_name, model_version, method, rest_uri, grpc_port, custom_attributes, request_content_type, accept_header, "
    "content_length",
)
"""What handlers are given, by the names of AWS's. Nothing listens at `grpc_port`."""


class Answer:
    """TensorFlow Serving's, with what handlers use of the class in `requests`."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status_code, self.content = status, content
        self.headers = {"Content-Type": JSON}
        self.ok = status < 400

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    def json(self) -> "Any":
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        if not self.ok:
            raise ValueError("TensorFlow Serving answered %d: %s" % (self.status_code, self.text))


class TensorFlow:
    ACCEPT = JSON

    def model_fn(self, folder: str) -> serve_tfs.Models:
        return serve_tfs.Models(folder)

    # For scripts that have some of these functions, and leave the others to their image.
    def input_fn(self, body: "str | bytes", content_type: str) -> "object":
        return json.loads(request(body, content_type))

    def predict_fn(self, data: "object", model: serve_tfs.Models) -> "object":
        status, content = model.ask(json.dumps(data))
        if status != 200:
            raise Refused(status, content.decode("utf-8"))
        return json.loads(content.decode("utf-8"))

    def output_fn(self, prediction: "object", accept: str) -> "object":
        return json.dumps(prediction).encode("utf-8"), JSON

    def handlers(self, module: "object", context: "Any") -> "Callable[..., object] | None":
        """What takes a request's whole way, as `transform_fn` does; None for a script with those functions.

        Raises NotImplementedError for a script with only one of the two handlers.
        """
        handler, before, after = (
            getattr(module, name, None) for name in ("handler", "input_handler", "output_handler")
        )
        if handler is None and (before is None) != (after is None):
            raise NotImplementedError(
                "The script has only one of input_handler and output_handler: it needs both, or a handler."
            )
        if handler is None and before is None and any(hasattr(module, name) for name in STEPS):
            return None

        def transform(model: serve_tfs.Models, body: "str | bytes", kind: str, accept: str) -> "object":
            asked = context_of(context.request, model, kind, accept, listening=module is not None)
            target = (asked.model_name, _number(asked.model_version), asked.method)
            raw = body.encode("utf-8") if isinstance(body, str) else body
            if handler is not None:
                return handler(BytesIO(raw), asked)
            if before is not None and after is not None:
                return after(Answer(*model.ask(before(BytesIO(raw), asked), *target)), asked)
            status, content = model.ask(request(body, kind), *target)
            if status != 200:
                raise Refused(status, content.decode("utf-8"))
            return content, JSON

        return transform


def context_of(asked: "Any", model: serve_tfs.Models, kind: str, accept: str, listening: bool) -> Context:
    """`listening`: whether a script may ask for the model at `rest_uri`."""
    attributes = asked.headers.get("x-amzn-sagemaker-custom-attributes", "")
    chosen = dict(_ATTRIBUTE.findall(attributes))
    name = chosen.get("model-name", model.default)
    version, method = chosen.get("model-version"), chosen.get("method", "predict")
    place = "/v1/models/%s%s:%s" % (name, "/versions/%s" % version if version else "", method)
    uri = serve_tfs_http.url(model) + place if listening else ""
    return Context(name, version, method, uri, "9000", attributes, kind, accept, len(asked.body))


def _number(version: "str | None") -> "int | None":
    if version is None:
        return None
    if not version.isdigit():
        raise Refused(400, "tfs-model-version=%s is no number." % version)
    return int(version)


def request(body: "str | bytes", content_type: str) -> str:
    """The body of a request to TensorFlow Serving. Raises `Refused` for other types than JSON and CSV."""
    kind = serve_codecs.plain(content_type)
    if kind == serve_codecs.NPY:
        return json.dumps({"instances": serve_codecs.decode(body, content_type).tolist()})  # type: ignore[attr-defined]
    if kind not in (JSON, serve_codecs.CSV, *JSON_LINES):
        raise Refused(
            415,
            "The content type %r is not supported; application/json, application/jsonlines and text/csv are."
            % kind,
        )
    text = serve_codecs.text(body).strip()
    if kind == serve_codecs.CSV:
        return '{"instances": [%s]}' % ", ".join(csv_rows(text))
    if kind == JSON and _REQUEST.search(text):
        return text
    if kind in JSON_LINES or _LINES.search(text):
        return '{"instances": [%s]}' % ", ".join(line for line in text.splitlines() if line.strip())
    return '{"instances": %s}' % (text if _ROWS.match(text) else "[%s]" % text)


def csv_rows(text: str) -> "list[str]":
    """A line of several cells is a list, one of a single cell its value; all are text where one is no number."""
    table = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    try:
        written = [[number(cell) for cell in row] for row in table]
    except ValueError:
        written = [[json.dumps(cell.strip('"')) for cell in row] for row in table]
    return ["[%s]" % ", ".join(row) if len(row) > 1 else row[0] for row in written]


def number(cell: str) -> str:
    """As JSON has it; whole numbers stay whole. Raises ValueError."""
    return str(int(cell)) if _WHOLE.match(cell) else json.dumps(float(cell or "nan"))
