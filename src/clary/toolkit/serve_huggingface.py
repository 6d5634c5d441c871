"""Hugging Face's inference images: without a script, a pipeline of transformers answers.

The model is the archive's, or what HF_MODEL_ID names on the hub (HF_MODEL_REVISION, HF_TOKEN with it). The pipeline's
task is HF_TASK, else what the model's `config.json` says it was made for. A request is `{"inputs": ..., "parameters":
{...}}`, or CSV with a column `inputs`, or `question` and `context`; images and sounds come as they are.

https://github.com/aws/sagemaker-huggingface-inference-toolkit
"""

import csv
import io
import json
import os

from . import serve_codecs
from .serve_files import ModelMissing, contents
from .serve_http import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TASKS = (
    ("TapasForQuestionAnswering", "table-question-answering"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForTokenClassification", "token-classification"),
    ("ForSequenceClassification", "text-classification"),
    ("ForMaskedLM", "fill-mask"),
    ("ForCausalLM", "text-generation"),
    ("GPT2LMHeadModel", "text-generation"),
    ("ForConditionalGeneration", "text2text-generation"),
    ("MTModel", "text2text-generation"),
    ("EncoderDecoderModel", "text2text-generation"),
    ("ForImageClassification", "image-classification"),
    ("ForObjectDetection", "object-detection"),
    ("ForAudioClassification", "audio-classification"),
    ("ForCTC", "automatic-speech-recognition"),
)
"""What an architecture's name ends with, and the task that it is for."""
COLUMNS = ("inputs", "question", "context")


class HuggingFace:
    ACCEPT = serve_codecs.JSON

    def model_fn(self, folder: str) -> "object":
        """Raises `ModelMissing`."""
        wanted = os.environ.get("HF_MODEL_ID", "")
        place = folder if not wanted else wanted if os.path.isdir(wanted) else downloaded(wanted)
        import transformers  # type: ignore[import-not-found,import-untyped,unused-ignore]

        options = {"framework": "tf"} if "tensorflow" in os.environ.get("CLARY_FRAMEWORK", "") else {}
        if gpu():
            options["device"] = 0  # type: ignore[assignment]
        return transformers.pipeline(task(place), model=place, **options)

    def input_fn(self, body: "str | bytes", content_type: str) -> "object":
        kind = serve_codecs.plain(content_type)
        if kind == serve_codecs.JSON:
            try:
                return json.loads(serve_codecs.text(body))
            except ValueError as error:
                raise Refused(400, "The body is no JSON: %s." % error) from None
        if kind == serve_codecs.CSV:
            return table(serve_codecs.text(body))
        if kind == "text/plain":
            return {"inputs": serve_codecs.text(body)}
        if kind.startswith("image/"):
            from PIL import Image  # type: ignore[import-not-found,import-untyped,unused-ignore]

            return {"inputs": Image.open(io.BytesIO(body)).convert("RGB")}  # type: ignore[arg-type]
        if kind.startswith("audio/") or kind == "application/octet-stream":
            return {"inputs": body}
        return {"inputs": serve_codecs.decode(body, content_type).tolist()}  # type: ignore[attr-defined]

    def predict_fn(self, data: "Any", model: "Any") -> "object":
        if not isinstance(data, dict):
            return model(data)
        data = dict(data)
        inputs, parameters = data.pop("inputs", data), data.pop("parameters", None) or {}
        if isinstance(inputs, dict) and "question" in inputs and "table" not in inputs:
            return model(**dict(inputs, **parameters))
        return model(inputs, **parameters)

    def output_fn(self, prediction: "object", accept: str) -> "object":
        return serve_codecs.encode(prediction, accept)


def downloaded(model: str) -> str:
    """The folder of a model of the hub, in the user's cache. Raises `ModelMissing`."""
    import huggingface_hub  # type: ignore[import-not-found,unused-ignore]

    try:
        return str(
            huggingface_hub.snapshot_download(
                model,
                revision=os.environ.get("HF_MODEL_REVISION"),
                token=os.environ.get("HF_TOKEN") or os.environ.get("HF_API_TOKEN"),
            )
        )
    except Exception as error:
        raise ModelMissing(
            "HF_MODEL_ID names %r, which cannot be had from the Hugging Face hub (%s: %s). Where the hub cannot be "
            "reached, put the model's files into model_data and leave HF_MODEL_ID out."
            % (model, type(error).__name__, str(error).splitlines()[0][:200] if str(error) else "")
        ) from None


def task(folder: str) -> str:
    """Raises `ModelMissing`."""
    if os.environ.get("HF_TASK"):
        return os.environ["HF_TASK"]
    path = os.path.join(folder, "config.json")
    if not os.path.isfile(path):
        raise ModelMissing(
            "There is no config.json in the model's archive, which holds %s: put there what `save_pretrained` writes, "
            "or write `model_fn(model_dir)` in code/inference.py." % contents(folder)
        )
    with open(path, encoding="utf-8") as file:
        architectures = json.load(file).get("architectures") or [""]
    for ending, found in TASKS:
        if architectures[0].endswith(ending):
            return found
    raise ModelMissing(
        "What %s is for is not known: say it by HF_TASK in the model's env." % architectures[0]
    )


def table(text: str) -> "dict[str, object]":
    """Raises `Refused`."""
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or not any(column in rows[0] for column in COLUMNS):
        raise Refused(400, "The CSV's first line should name its columns: inputs, or question and context.")
    if "inputs" in rows[0]:
        return {"inputs": [row["inputs"] for row in rows]}
    return {"inputs": [dict(row) for row in rows]}


def gpu() -> bool:
    try:
        import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
