"""The Python of a TensorFlow 2 image, which tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.process import CACHE

from clary.images.environments import Environments
from clary.images.ports import ImageError
from clary.settings import Settings

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.21.0-cpu-py311"


def tensorflow_python() -> Path:
    """Built where it is not there yet; skips where it cannot be had."""
    environments = Environments(CACHE / "images", Settings())
    try:
        return environments.build(environments.resolve(IMAGE), lambda _: None).python
    except ImageError as error:
        pytest.skip(str(error))
