"""Runs the checks of one file inside the algorithms' environment, which has no pytest:

    python run.py PACKAGE FILE      prints {"check_name": null or its traceback, ...}

PACKAGE is the folder of clary.algorithms; checks import it as `clary_algorithms`, as a job has it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import traceback
from pathlib import Path
from types import ModuleType


def load(name: str, path: Path, package: bool) -> ModuleType:
    places = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main(package: Path, file: Path) -> None:
    load("clary_algorithms", package / "__init__.py", package=True)
    module = load("checks", file, package=False)
    found: dict[str, str | None] = {}
    for name, check in vars(module).items():
        if name.startswith("check_"):
            try:
                check()
                found[name] = None
            except Exception:
                found[name] = traceback.format_exc()
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
