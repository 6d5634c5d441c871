"""AWS's built-in algorithms as a framework: their package is mounted beside the toolkit, and answers."""

import importlib
import importlib.util
import os
import sys

from .serve_http import Refused

PACKAGE = "clary_algorithms"
PLACE = "CLARY_ALGORITHMS"
"""The variable that says where the package is mounted."""


class BuiltIn:
    ACCEPT = "application/json"

    def __init__(self) -> None:
        self.serve = package("serve")
        self.errors = package("errors")

    def model_fn(self, folder: str) -> "object":
        return self.serve.model_fn(folder)  # type: ignore[attr-defined]

    def transform_fn(self, model: "object", body: "str | bytes", content_type: str, accept: str) -> "object":
        try:
            return self.serve.transform_fn(model, body, content_type, accept)  # type: ignore[attr-defined]
        except self.errors.UnsupportedContent as error:  # type: ignore[attr-defined]
            raise Refused(415, str(error)) from None
        except self.errors.CustomerError as error:  # type: ignore[attr-defined]
            raise Refused(400, "unable to evaluate payload provided: %s" % error) from None


class BuiltInXGBoost(BuiltIn):
    ACCEPT = "text/csv"


def package(module: str) -> "object":
    """A module of the algorithms' package, found by its place: nothing beside it is to be importable."""
    if PACKAGE not in sys.modules:
        place = os.environ.get(PLACE, "/opt/clary/algorithms")
        spec = importlib.util.spec_from_file_location(
            PACKAGE, os.path.join(place, "__init__.py"), submodule_search_locations=[place]
        )
        assert spec is not None
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    return importlib.import_module(PACKAGE + "." + module)
