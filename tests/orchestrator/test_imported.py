"""What a source is seen to import."""

from __future__ import annotations

import pytest

from clary.orchestrator.imported import imports

SOURCES: dict[str, tuple[str, set[str]]] = {
    "plain": ("import os, numpy as np\n", {"os", "numpy"}),
    "of a submodule": ("from sklearn.ensemble import A, B\n", {"sklearn.ensemble", "sklearn.ensemble.A", "sklearn.ensemble.B"}),
    "of a package": ("from sklearn import svm\n", {"sklearn", "sklearn.svm"}),
    "in a function": ("def f():\n    import torch\n", {"torch"}),
    "relative": ("from . import helper\nfrom .model import Net\n", set()),
    "of all": ("from numpy import *\n", {"numpy"}),
    "no Python": ("print 'of another age'\n", set()),
    "a null byte": ("import os\0", set()),
}  # fmt: skip


@pytest.mark.parametrize(("source", "found"), SOURCES.values(), ids=SOURCES)
def test_imports(source: str, found: set[str]) -> None:
    assert set(imports(source.encode())) == found
