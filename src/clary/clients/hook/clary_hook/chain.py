"""Runs the `sitecustomize` that ours hides: a distribution's, a tracer's, a coverage tool's.

A tracer's may in its turn look for the next one and find ours again: each runs once.
"""

import os
import sys

_HIDING = {os.path.realpath(os.path.join(__file__, "..", ".."))}  # noqa: PTH118
"""The folders whose `sitecustomize` has run."""


def run_hidden() -> None:
    """What the hidden one raises goes on to Python, which reports it as ever."""
    from importlib.machinery import PathFinder

    others = [folder for folder in sys.path if os.path.realpath(folder or ".") not in _HIDING]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    if spec.origin:
        _HIDING.add(os.path.realpath(os.path.join(spec.origin, "..")))  # noqa: PTH118
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)
