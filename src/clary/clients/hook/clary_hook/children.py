"""A Python that SDK v3's ModelBuilder starts to see what a model needs (`dependencies={"auto": True}`) gets the
region, the endpoint and the keys again: it is started with an environment of one variable, and what it imports makes
botocore's clients, which need a region.
"""

import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PASSED = ("AWS_", "CLARY_", "PYTHONPATH")


def change(module: "Any") -> None:
    if vars(module).get("subprocess") is subprocess:
        module.subprocess = Subprocess()


class Subprocess:
    """The `subprocess` module, as one module of the SDK sees it."""

    def __getattr__(self, name: str) -> "Any":
        return getattr(subprocess, name)

    def run(self, *args: "Any", **kwargs: "Any") -> "Any":
        given = kwargs.get("env")
        if given is not None:
            passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
            kwargs["env"] = {**passed, **given}
        return subprocess.run(*args, **kwargs)
