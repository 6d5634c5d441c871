"""Script mode: the functions of the user's `inference.py`, completed by the framework's own, as a handler.

    model_fn(model_dir)                     -> model
    input_fn(body, content_type)            -> data        the body is text for JSON and CSV, else bytes
    predict_fn(data, model)                 -> prediction
    output_fn(prediction, accept)           -> body | (body, content type)
    transform_fn(model, body, content_type, accept)        in place of the last three

Any may take one argument more, the context, of which AWS's toolkits give `system_properties` and the request's
headers. A function may answer an iterator of pieces, which is streamed.

Where the script is: SAGEMAKER_PROGRAM, else `inference.py`; in `code/` of the model's archive, or in
/opt/ml/code, where SAGEMAKER_SUBMIT_DIRECTORY was unpacked.
"""

import importlib
import inspect
import os
import sys

from . import serve_codecs, serve_files, serve_frameworks
from .serve_http import Refused, Request


class Context:
    """What a script may ask beside its arguments."""

    def __init__(self, model_dir: str) -> None:
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
        self.request = None  # type: Request | None

    def get_request_header(self, _: int, name: str) -> "str | None":
        return self.request.headers.get(name.lower()) if self.request else None

    def get_all_request_header(self, _: int) -> "dict[str, str]":
        return dict(self.request.headers) if self.request else {}


class Script:
    def __init__(self, model_dir: str, code_dir: str) -> None:
        self.context = Context(model_dir)
        module = imported(os.path.join(model_dir, "code"), code_dir)
        self.framework = serve_frameworks.framework(
            os.environ.get("CLARY_FRAMEWORK", ""), scripted=module is not None
        )
        self.accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or self.framework.ACCEPT
        handlers = getattr(self.framework, "handlers", None)
        whole = handlers(module, self.context) if handlers else None
        self.transform = whole or self.function(module, "transform_fn", 4)
        self.input = self.function(module, "input_fn", 2)
        self.predict = self.function(module, "predict_fn", 2)
        self.output = self.function(module, "output_fn", 2)
        self.stackable = not getattr(self.predict, "contextual", False)
        load = self.function(module, "model_fn", 1)
        self.model = load(model_dir)  # type: ignore[operator]

    def function(self, module: "object", name: str, arguments: int) -> "object":
        """The script's, with the context as last argument where it takes one more; else the framework's."""
        own = getattr(module, name, None)
        if own is None:
            return getattr(self.framework, name, None)
        try:
            takes = sum(
                1 for each in inspect.signature(own).parameters.values()
                if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
            )  # fmt: skip
        except ValueError:
            takes = arguments
        if takes <= arguments:
            return own

        def contextual(*given: "object") -> "object":
            return own(*given, self.context)

        contextual.contextual = True  # type: ignore[attr-defined]
        return contextual

    def __call__(self, request: Request) -> "tuple[int, str, object, dict[str, str]]":
        if self.transform is not None:
            kind, body = given(request)
            accept = self.accepted(request)
            self.context.request = request
            made = self.transform(self.model, body, kind, accept)  # type: ignore[operator]
            return response(made, accept)
        return self.rendered(request, self.predicted(request, self.parse(request)))

    def stacks(self) -> bool:
        """Whether requests can be predicted together: each step is a function of its own."""
        return self.transform is None and self.stackable

    def parse(self, request: Request) -> "object":
        kind, body = given(request)
        self.context.request = request
        return self.input(body, kind)  # type: ignore[operator]

    def predicted(self, request: "Request | None", data: "object") -> "object":
        """None: of several requests."""
        self.context.request = request
        return self.predict(data, self.model)  # type: ignore[operator]

    def rendered(self, request: Request, prediction: "object") -> "tuple[int, str, object, dict[str, str]]":
        accept = self.accepted(request)
        self.context.request = request
        return response(self.output(prediction, accept), accept)  # type: ignore[operator]

    def accepted(self, request: Request) -> str:
        accept = request.headers.get("accept") or self.accept
        return self.accept if accept == "*/*" else accept


def given(request: Request) -> "tuple[str, str | bytes]":
    """A request's content type and its body, as text where the type is one of text."""
    kind = request.headers.get("content-type") or serve_codecs.JSON
    if serve_codecs.plain(kind) not in serve_codecs.TEXTS:
        return kind, request.body
    try:
        return kind, request.body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "The body is not UTF-8, which %s asks for." % kind) from None


def response(made: "object", accept: str) -> "tuple[int, str, object, dict[str, str]]":
    """What a script's function answered, as status, content type, body and headers."""
    kind = serve_codecs.plain(accept.partition(",")[0])
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], str):
        made, kind = made
    if hasattr(made, "get_data") and hasattr(made, "mimetype"):  # a Response of Flask's kind
        return int(getattr(made, "status_code", 200)), made.mimetype or kind, made.get_data(), {}
    if isinstance(made, str):
        return 200, kind, made.encode("utf-8"), {}
    if isinstance(made, (bytes, bytearray, memoryview)):
        return 200, kind, bytes(made), {}
    if made is None:
        return 200, kind, b"", {}
    if hasattr(made, "__next__"):
        return 200, kind, made, {}
    body, kind = serve_codecs.encode(made, accept)
    return 200, kind, body, {}


def imported(*folders: str) -> "object":
    """The user's module; None where there is none."""
    name = os.environ.get("SAGEMAKER_PROGRAM") or "inference.py"
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            for place in {folder, os.path.dirname(path)}:
                sys.path.insert(0, place)
            library = os.path.join(folder, "lib")
            if os.path.isdir(library):
                sys.path.insert(1, library)
            return importlib.import_module(os.path.splitext(os.path.basename(name))[0])
    if os.environ.get("SAGEMAKER_PROGRAM"):
        held = "; ".join("%s holds %s" % (folder, serve_files.contents(folder)) for folder in folders)
        raise serve_files.ModelMissing("The program %s (SAGEMAKER_PROGRAM) is not there: %s." % (name, held))
    return None
