"""TensorFlow Serving's REST, answered in this process: SavedModels by name and version, and what is asked of them.

https://www.tensorflow.org/tfx/serving/api_rest. An archive may hold several models, each in folders named by its
versions: `NAME/1/saved_model.pb`, `export/Servo/1653/saved_model.pb`; the greatest version answers unless another is
named. A model is loaded when it is first asked for, the default one at the start.

    predict    {"instances": [...]} by rows or {"inputs": ...} by columns, "signature_name"; answers have "predictions"
               or "outputs". {"b64": ...} is bytes, in outputs too where a name ends in `_bytes`
    classify,  {"examples": [{...}, ...], "context": {...}}, for signatures that take serialised tf.train.Example;
    regress    answers have "results"
"""

import base64
import glob
import json
import os

from .serve_files import ModelMissing, contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT = "SAGEMAKER_TFS_DEFAULT_MODEL_NAME"
SIGNATURE = "serving_default"


class Invalid(Exception):
    """A request that TensorFlow Serving refuses with this status; the message is what its `error` says."""

    def __init__(self, status: int, message: str) -> None:
        Exception.__init__(self, message)
        self.status = status


class Models:
    """The SavedModels below a folder. Raises `ModelMissing`."""

    def __init__(self, folder: str) -> None:
        self.paths = {}  # type: dict[str, dict[int, str]]
        for path in sorted(glob.glob(os.path.join(folder, "**", "saved_model.pb"), recursive=True)):
            name, version = _named(os.path.dirname(path), folder)
            self.paths.setdefault(name, {})[version] = os.path.dirname(path)
        if not self.paths:
            raise ModelMissing(
                "There is no saved_model.pb in the model's archive, which holds %s: put there what "
                "`tensorflow.saved_model.save` or a Keras model's `export` writes." % contents(folder)
            )
        self.loaded = {}  # type: dict[str, Any]
        wanted = os.environ.get(DEFAULT, "")
        self.default = wanted if wanted in self.paths else next(iter(self.paths))
        self.load(self.path(self.default, None))

    def path(self, name: str, version: "int | None") -> str:
        """Raises `Invalid`."""
        versions = self.paths.get(name or self.default)
        if versions is None:
            raise Invalid(404, "Servable not found for request: Latest(%s)" % name)
        if version is None:
            version = max(versions)
        if version not in versions:
            raise Invalid(404, "Servable not found for request: Specific(%s, %d)" % (name, version))
        return versions[version]

    def load(self, path: str) -> "Any":
        if path not in self.loaded:
            import tensorflow  # type: ignore[import-not-found,import-untyped,unused-ignore]

            if not tensorflow.executing_eagerly():
                tensorflow.compat.v1.enable_eager_execution()
            # TensorFlow 1's own `load` is another function.
            self.loaded[path] = tensorflow.compat.v2.saved_model.load(path)
        return self.loaded[path]

    def ask(
        self, body: "bytes | str", name: str = "", version: "int | None" = None, method: str = "predict"
    ) -> "tuple[int, bytes]":
        """A request's status and answer, both as TensorFlow Serving gives them."""
        try:
            try:
                asked = json.loads(body)
            except ValueError as error:
                raise Invalid(400, "JSON Parse error: %s" % error) from None
            if not isinstance(asked, dict):
                raise Invalid(400, "JSON Parse error: The request is not an object.")
            model = self.load(self.path(name, version))
            if method == "predict":
                answer = predict(model, asked)
            elif method in ("classify", "regress"):
                answer = score(model, asked, method)
            else:
                raise Invalid(400, "Malformed request: there is no method %r." % method)
        except Invalid as error:
            return error.status, json.dumps({"error": str(error)}).encode("utf-8")
        return 200, json.dumps(answer).encode("utf-8")


def _named(path: str, folder: str) -> "tuple[str, int]":
    """The model's name and version, of the folder that holds its saved_model.pb."""
    parent, last = os.path.split(path)
    if not last.isdigit() or path == folder:
        return (os.path.basename(path) if path != folder else "model"), 0
    return (os.path.basename(parent) if parent != folder else "model"), int(last)


def signature_of(model: "Any", asked: "dict[str, Any]") -> "Any":
    name = asked.get("signature_name") or SIGNATURE
    if name not in model.signatures:
        raise Invalid(
            400, "Serving signature name: %r not found; there are: %s" % (name, ", ".join(model.signatures))
        )
    return model.signatures[name]


def inputs_of(signature: "Any") -> "dict[str, Any]":
    """What has a dtype and a shape, by the inputs' names."""
    structured = signature.structured_input_signature
    if structured is not None:
        return structured[1]  # type: ignore[no-any-return]
    # What TensorFlow 1 has saved: its loader sorts by name.
    return dict(zip(signature._arg_keywords, signature.inputs))  # noqa: B905


def predict(model: "Any", asked: "dict[str, Any]") -> "dict[str, Any]":
    """Raises `Invalid`."""
    if ("instances" in asked) == ("inputs" in asked):
        raise Invalid(400, "JSON Value: exactly one of 'instances' and 'inputs' keys is needed.")
    signature = signature_of(model, asked)
    wanted = inputs_of(signature)
    by_rows = "instances" in asked
    columns = _columns(asked["instances"], wanted) if by_rows else asked["inputs"]
    if not by_rows and not (isinstance(columns, dict) and set(columns) != {"b64"}):
        columns = {_only(wanted): columns}
    outputs = run(signature, wanted, columns)
    named = {name: _plain(value.numpy(), name.endswith("_bytes")) for name, value in outputs.items()}
    if not by_rows:
        return {"outputs": next(iter(named.values())) if len(named) == 1 else named}
    rows = len(asked["instances"])
    for name, value in named.items():
        if not isinstance(value, list) or len(value) != rows:
            raise Invalid(
                400, "Tensor name: %s has not as many rows as there are instances; ask by inputs." % name
            )
    if len(named) == 1:
        return {"predictions": next(iter(named.values()))}
    return {"predictions": [{name: value[row] for name, value in named.items()} for row in range(rows)]}


def _columns(instances: "Any", wanted: "dict[str, Any]") -> "dict[str, Any]":
    if not isinstance(instances, list) or not instances:
        raise Invalid(400, "JSON Value: 'instances' is not a list of at least one.")
    first = instances[0]
    if not isinstance(first, dict) or set(first) == {"b64"}:
        return {_only(wanted): instances}
    for row in instances:
        if not isinstance(row, dict) or set(row) != set(first):
            raise Invalid(400, "Failed to process element: not all instances have the same names.")
    return {name: [row[name] for row in instances] for name in first}


def _only(wanted: "dict[str, Any]") -> str:
    if len(wanted) != 1:
        raise Invalid(400, "The signature has the inputs %s: name them." % ", ".join(sorted(wanted)))
    return next(iter(wanted))


def run(signature: "Any", wanted: "dict[str, Any]", columns: "dict[str, Any]") -> "dict[str, Any]":
    """Raises `Invalid`."""
    import tensorflow

    for name in sorted(set(wanted) ^ set(columns)):
        what = "is missing" if name in wanted else "is none of the signature's"
        raise Invalid(400, "Input %r %s; they are: %s" % (name, what, ", ".join(sorted(wanted))))
    tensors = {}
    for name, value in columns.items():
        try:
            tensors[name] = tensorflow.constant(_bytes(value), dtype=wanted[name].dtype)
        except (ValueError, TypeError) as error:
            raise Invalid(400, "Failed to process element of %r: %s" % (name, error)) from None
        if not wanted[name].shape.is_compatible_with(tensors[name].shape):
            found = (name, tensors[name].shape, wanted[name].shape)
            raise Invalid(400, "Input %r has the shape %s, and the signature asks for %s." % found)
    try:
        return signature(**tensors)  # type: ignore[no-any-return]
    except (tensorflow.errors.InvalidArgumentError, ValueError, TypeError) as error:
        raise Invalid(400, str(error)) from None


def _bytes(value: "Any") -> "Any":
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return [_bytes(each) for each in value] if isinstance(value, list) else value


def _plain(value: "Any", encode: bool) -> "Any":
    """What json takes."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(each, encode) for each in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()} if encode else value.decode("utf-8", "replace")
    return value


def score(model: "Any", asked: "dict[str, Any]", method: str) -> "dict[str, Any]":
    """Raises `Invalid`."""
    signature = signature_of(model, asked)
    wanted = inputs_of(signature)
    examples, context = asked.get("examples"), asked.get("context") or {}
    if not isinstance(examples, list) or not examples:
        raise Invalid(400, "JSON Value: 'examples' is not a list of at least one.")
    serialised = [_example(dict(context, **each)) for each in examples]
    outputs = run(signature, wanted, {_only(wanted): serialised})
    if method == "regress":
        values = outputs.get("outputs")
        if values is None:
            raise Invalid(400, "The signature has no output named 'outputs' to regress by.")
        return {"results": [_plain(value, False) for value in values.numpy().reshape(len(examples))]}
    labels, points = (
        _plain(outputs[each].numpy(), False) if each in outputs else None for each in ("classes", "scores")
    )
    if points is None:
        raise Invalid(400, "The signature has no output named 'scores' to classify by.")
    named = labels or [[""] * len(row) for row in points]
    return {
        "results": [
            [[named[row][place], point] for place, point in enumerate(points[row])]
            for row in range(len(points))
        ]
    }


def _example(features: "dict[str, Any]") -> bytes:
    """Serialised; numbers with a point are floats, as TensorFlow Serving has it."""
    import tensorflow

    made = tensorflow.train.Example()
    for name, value in features.items():
        values = [_bytes(each) for each in (value if isinstance(value, list) else [value])]
        feature = made.features.feature[name]
        if all(isinstance(each, int) for each in values):
            feature.int64_list.value.extend(values)
        elif all(isinstance(each, (int, float)) for each in values):
            feature.float_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(
                [each.encode("utf-8") if isinstance(each, str) else each for each in values]
            )
    return made.SerializeToString()  # type: ignore[no-any-return]
