"""smdebug's names for programs that bring smdebug's hooks into their code, where smdebug is not installed.

`import smdebug.pytorch as smd` finds the modules of the folder `smdebug` here: its hooks are the ones that came
unasked, and what the script says is added to what they do. A finder behind all others, so the real one wins.
"""

import importlib
import importlib.machinery
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MODULES = {
    "smdebug": "smdebug", "smdebug.core": "smdebug", "smdebug.core.modes": "smdebug", "smdebug.modes": "smdebug",
    "smdebug.core.save_config": "smdebug", "smdebug.core.reduction_config": "smdebug",
    "smdebug.core.collection": "smdebug",
    "smdebug.tensorflow": "smdebug.tensorflow", "smdebug.tensorflow.keras": "smdebug.tensorflow",
    "smdebug.pytorch": "smdebug.pytorch", "smdebug.pytorch.hook": "smdebug.pytorch",
    "smdebug.xgboost": "smdebug.xgboost", "smdebug.xgboost.hook": "smdebug.xgboost",
}  # fmt: skip
"""The module of this package, by the name that it is imported by."""


def lend() -> None:
    if not any(isinstance(finder, Lender) for finder in sys.meta_path):
        sys.meta_path.append(Lender())  # type: ignore[arg-type,unused-ignore]


class Lender:
    """Finder and loader."""

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name not in MODULES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name + "." in " ".join(MODULES))  # type: ignore[arg-type,unused-ignore]

    def create_module(self, spec: "Any") -> "Any":
        """A module of its own with the same contents."""
        return None

    def exec_module(self, module: "Any") -> None:
        found = importlib.import_module("." + MODULES[module.__name__], __package__)
        module.__dict__.update({key: value for key, value in vars(found).items() if not key.startswith("__")})
