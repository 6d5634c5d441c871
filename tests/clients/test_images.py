"""Every image that the SDKs can name for a framework stands for an environment, or its refusal says why and what to do."""

from __future__ import annotations

import json

import pytest
from tests.support.clients import Client, client_python

from clary.images.ports import ImageError
from clary.images.resolve import resolve

PROGRAM = """
import functools, json, logging
logging.disable(logging.CRITICAL)
try:
    from sagemaker.core import image_uris
except ImportError:
    from sagemaker import image_uris

for module, name in ((image_uris, "config_for_framework"), (image_uris.utils, "_botocore_resolver")):
    setattr(module, name, functools.cache(getattr(module, name)))  # else files are read for every call
found = set()
for name in ("sklearn", "xgboost", "pytorch", "tensorflow", "huggingface"):
    for scope in ("training", "inference"):
        versions = image_uris._config_for_framework_and_scope(name, scope, None)["versions"]
        for version, told in versions.items():
            bases = [each for each in told if "registries" in (told[each] if isinstance(told[each], dict) else {})]
            for base in bases or [None]:
                entry = told[base] if base else told
                for python in entry.get("py_versions") or [None]:
                    for instance in ("ml.m5.large", "ml.p3.2xlarge"):
                        try:
                            found.add(image_uris.retrieve(
                                name, "us-east-1", version=version, py_version=python, instance_type=instance,
                                image_scope=scope, base_framework_version=base))
                        except ValueError:
                            pass  # the SDK's own refusal: no such image for that processor
print("RESULT" + json.dumps(sorted(found)))
"""
REFUSED = {
    "Python 2": ("-py2", "sagemaker-tensorflow:1.", "sagemaker-pytorch:1."),
    "package indexes do not have": ("sagemaker-pytorch:0.4",),
    "older than 1.13": ("tensorflow-scriptmode:1.1", "tensorflow-serving:1.1", "tensorflow-inference:1.1"),
}
"""Why, and which."""


@pytest.mark.parametrize("sdk", ["v2", "v3"])
def test_images_of_the_frameworks(client: Client, sdk: str) -> None:
    uris = json.loads(client.script(client_python(sdk), PROGRAM).stdout.split("RESULT")[1])
    assert len(uris) > 300
    for uri in uris:
        try:
            resolve(uri, gpu=False, cpu_torch=True)
        except ImageError as error:
            reason = str(error)
            assert any(
                why in reason and any(part in uri for part in parts) for why, parts in REFUSED.items()
            ), reason
            assert "image_aliases" in reason
