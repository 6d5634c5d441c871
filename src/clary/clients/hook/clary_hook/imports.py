"""Changes a module right after its import, without importing it and without replacing its loader.

The finder asks the other finders for the spec and puts its own `exec_module` on that spec's loader object,
which is taken off again when it has run. Everything else that looks at loaders (`pkgutil`, `inspect`,
`importlib.resources`) sees what it always saw.
"""

import sys

from clary_hook import complain  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def on_import(concerns: "Mapping[str, str]") -> None:
    """Apply each module's concern when it has been imported; at once to one that is already there.

    A second call does nothing: a tracer's `sitecustomize` may run ours again.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    for name in concerns:
        if name in sys.modules:
            _change(sys.modules[name], concerns[name])
    sys.meta_path.insert(0, Finder(concerns))  # type: ignore[arg-type,unused-ignore]


class Finder:
    def __init__(self, concerns: "Mapping[str, str]") -> None:
        self.concerns = concerns
        self.seeking: set[str] = set()

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name not in self.concerns or name in self.seeking:
            return None
        self.seeking.add(name)  # others' finders ask all finders too, as a tracer's do
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self.seeking.discard(name)
        if spec is not None:
            try:
                _change_after(spec.loader, name, self.concerns[name])
            except Exception as error:
                complain("cannot watch the import of " + name, error)
        return spec

    def _ask_others(self, name: str, path: "Any", target: "Any") -> "Any":
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                return spec
        return None


def _change_after(loader: "Any", name: str, concern: str) -> None:
    execute = loader.exec_module

    def exec_module(module: "Any") -> None:
        if module.__name__ != name:  # a loader that many modules share
            execute(module)
            return
        loader.__dict__.pop("exec_module", None)
        execute(module)
        _change(module, concern)

    loader.exec_module = exec_module


def _change(module: "Any", concern: str) -> None:
    try:
        __import__("clary_hook." + concern)
        sys.modules["clary_hook." + concern].change(module)
    except Exception as error:
        complain("cannot change " + module.__name__, error)
