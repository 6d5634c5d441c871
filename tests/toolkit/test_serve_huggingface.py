"""Hugging Face's serving images: which task a model is for, and what becomes of a request. No transformers are needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clary.toolkit.serve_files import ModelMissing
from clary.toolkit.serve_http import Refused
from clary.toolkit.serve_huggingface import HuggingFace, task


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("BertForSequenceClassification", "text-classification"),
        ("TapasForQuestionAnswering", "table-question-answering"),
        ("DistilBertForQuestionAnswering", "question-answering"),
        ("GPT2LMHeadModel", "text-generation"),
        ("MarianMTModel", "text2text-generation"),
        ("ViTForImageClassification", "image-classification"),
    ],
)
def test_a_model_s_architecture_says_its_task(tmp_path: Path, architecture: str, expected: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    assert task(str(tmp_path)) == expected


def test_the_environment_says_it_first_and_what_is_not_known_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelMissing, match=r"no config\.json in the model's archive, which holds nothing"):
        task(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["MyModel"]}))
    with pytest.raises(ModelMissing, match="say it by HF_TASK"):
        task(str(tmp_path))
    monkeypatch.setenv("HF_TASK", "fill-mask")
    assert task(str(tmp_path)) == "fill-mask"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (
            '{"inputs": "a", "parameters": {"k": 1}}',
            "application/json",
            {"inputs": "a", "parameters": {"k": 1}},
        ),
        ("inputs\nI like it\nI do not\n", "text/csv", {"inputs": ["I like it", "I do not"]}),
        ("question,context\nwho?,me\n", "text/csv", {"inputs": [{"question": "who?", "context": "me"}]}),
        ("as it is", "text/plain", {"inputs": "as it is"}),
        (b"RIFF", "audio/x-wav", {"inputs": b"RIFF"}),
    ],
)
def test_a_body_becomes_a_pipeline_s_inputs(body: Any, kind: str, expected: object) -> None:
    assert HuggingFace().input_fn(body, kind) == expected


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("{", "application/json", "no JSON"),
        ("I like it\n", "text/csv", "should name its columns"),
        ("", "text/csv", "should name its columns"),
    ],
)
def test_what_is_no_input_is_refused(body: str, kind: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as raised:
        HuggingFace().input_fn(body, kind)
    assert raised.value.status_code == 400


def test_parameters_are_the_pipeline_s_arguments() -> None:
    def pipeline(*args: object, **options: object) -> tuple[object, ...]:
        return (*args, options)

    predict = HuggingFace().predict_fn
    assert predict({"inputs": "a", "parameters": {"top_k": 2}}, pipeline) == ("a", {"top_k": 2})
    assert predict({"inputs": ["a", "b"]}, pipeline) == (["a", "b"], {})
    assert predict({"inputs": {"question": "q", "context": "c"}}, pipeline) == (
        {"question": "q", "context": "c"},
    )
    assert predict({"text": "a"}, pipeline) == ({"text": "a"}, {})
