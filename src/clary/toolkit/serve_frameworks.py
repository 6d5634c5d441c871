"""What the images of a framework do with a model where the user's script leaves it to them.

Each class has the functions that a script may write itself: `model_fn(folder)`, `input_fn(body, content_type)`,
`predict_fn(data, model)`, `output_fn(prediction, accept)`; `ACCEPT` is what is answered when nothing is asked for.
"""

import json
import os

from . import serve_codecs
from .serve_algorithms import PLACE, BuiltIn, BuiltInXGBoost
from .serve_files import ModelMissing, find
from .serve_huggingface import HuggingFace
from .serve_tensorflow import TensorFlow


class Plain:
    """`scikit-learn` and any Python: a pickled object with `predict`."""

    ACCEPT = serve_codecs.JSON
    PATTERNS = (
        "model.joblib", "model.pkl", "model.pickle", "*.joblib", "*.pkl", "*.pickle",
    )  # type: tuple[str, ...]  # fmt: skip

    def model_fn(self, folder: str) -> "object":
        path = find(folder, self.PATTERNS)
        try:
            import joblib  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            import pickle

            with open(path, "rb") as file:
                return pickle.load(file)
        return joblib.load(path)

    def input_fn(self, body: "str | bytes", content_type: str) -> "object":
        return serve_codecs.decode(body, content_type)

    def predict_fn(self, data: "object", model: "object") -> "object":
        return model.predict(data)  # type: ignore[attr-defined]

    def output_fn(self, prediction: "object", accept: str) -> "object":
        return serve_codecs.encode(prediction, accept)


class XGBoost(Plain):
    """Answers as AWS's built-in XGBoost does: CSV by default, `{"predictions": [{"score": ...}]}` as JSON."""

    ACCEPT = serve_codecs.CSV
    PATTERNS = ("xgboost-model", "*.json", "*.ubj", "*.bst", "*.model", *Plain.PATTERNS)

    def model_fn(self, folder: str) -> "object":
        import xgboost  # type: ignore[import-not-found,unused-ignore]

        path = find(folder, self.PATTERNS)
        booster = xgboost.Booster()
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError:
            import pickle

            with open(path, "rb") as file:
                return pickle.load(file)
        return booster

    def input_fn(self, body: "str | bytes", content_type: str) -> "object":
        import xgboost

        if serve_codecs.plain(content_type) in ("text/libsvm", "text/x-libsvm"):
            return xgboost.DMatrix(*libsvm(serve_codecs.text(body)))
        return xgboost.DMatrix(serve_codecs.decode(body, content_type))

    def predict_fn(self, data: "object", model: "object") -> "object":
        if not hasattr(model, "inplace_predict") and hasattr(model, "get_booster"):
            model = model.get_booster()
        return model.predict(data, validate_features=False)  # type: ignore[attr-defined]

    def output_fn(self, prediction: "object", accept: str) -> "object":
        values = prediction.tolist()  # type: ignore[attr-defined]
        for kind in map(serve_codecs.plain, accept.split(",")):
            if kind == serve_codecs.JSON:
                scores = [{"score": value} for value in values]
                return json.dumps({"predictions": scores}).encode(), kind
            if kind in (serve_codecs.CSV, "*/*", ""):
                return serve_codecs.to_csv(prediction), serve_codecs.CSV
        return serve_codecs.encode(prediction, accept)


class PyTorch(Plain):
    def model_fn(self, folder: str) -> "object":
        import torch  # type: ignore[import-not-found,unused-ignore]

        path = find(folder, ("model.pth", "model.pt", "*.pth", "*.pt"))
        try:
            model = torch.jit.load(path, map_location="cpu")
        except RuntimeError:
            raise ModelMissing(
                "%s is not TorchScript: write `model_fn(model_dir)` in code/inference.py that makes the model "
                "and loads its weights." % os.path.basename(path)
            ) from None
        model.eval()
        return model

    def input_fn(self, body: "str | bytes", content_type: str) -> "object":
        import torch

        return torch.as_tensor(serve_codecs.decode(body, content_type), dtype=torch.float32)

    def predict_fn(self, data: "object", model: "object") -> "object":
        import torch

        with torch.no_grad():
            return model(data)  # type: ignore[operator]

    def output_fn(self, prediction: "object", accept: str) -> "object":
        if hasattr(prediction, "detach"):
            prediction = prediction.detach().cpu().numpy()
        return serve_codecs.encode(prediction, accept)


def libsvm(text: str) -> "tuple[object, object]":
    """A dense array and None for the labels, of `label index:value ...` lines."""
    import numpy

    found = []
    for line in text.splitlines():
        cells = [cell.split(":") for cell in line.split() if ":" in cell]
        found.append({int(index): float(value) for index, value in cells})
    width = max((max(row, default=-1) for row in found), default=-1) + 1
    table = numpy.full((len(found), width), numpy.nan)
    for number, row in enumerate(found):
        for index, value in row.items():
            table[number, index] = value
    return table, None


FRAMEWORKS = {
    "xgboost": XGBoost,
    "pytorch": PyTorch,
    "tensorflow": TensorFlow,
    "huggingface-pytorch": HuggingFace,
    "huggingface-tensorflow": HuggingFace,
    "algorithms": BuiltIn,
}  # type: dict[str, type[Plain] | type[TensorFlow] | type[HuggingFace] | type[BuiltIn]]


def framework(name: str, scripted: bool = False) -> "Plain | TensorFlow | HuggingFace | BuiltIn":
    """`scripted`: the user wrote an inference.py. XGBoost's images are a built-in algorithm where nobody did."""
    if name == "xgboost" and not scripted and PLACE in os.environ:
        return BuiltInXGBoost()
    return FRAMEWORKS.get(name, Plain)()
