"""Changes a framework's module right after its import, without importing it and without replacing its loader."""

import importlib
import sys

from .quiet import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def watch(changers: "dict[str, str]") -> None:
    """`changers`: the module of this package whose `change(module)` is called, by the module's name."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder(changers))  # type: ignore[arg-type,unused-ignore]


class Finder:
    def __init__(self, changers: "dict[str, str]") -> None:
        self.changers = changers
        self.seeking = set()  # type: set[str]

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name not in self.changers or name in self.seeking:
            return None
        self.seeking.add(name)  # others' finders ask all finders too
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self.seeking.discard(name)
        if spec is not None and spec.loader is not None:
            try:
                change_after(spec.loader, name, self.changers[name])
            except Exception as error:
                complain("watching the import of " + name, error)
        return spec

    def _ask_others(self, name: str, path: "Any", target: "Any") -> "Any":
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                return spec
        return None


def change_after(loader: "Any", name: str, changer: str) -> None:
    execute = loader.exec_module

    def exec_module(module: "Any") -> None:
        if module.__name__ == name:
            loader.__dict__.pop("exec_module", None)
        execute(module)
        if module.__name__ == name:
            change(module, changer)

    loader.exec_module = exec_module


def change(module: "Any", changer: str) -> None:
    try:
        importlib.import_module("." + changer, __package__).change(module)
    except Exception as error:
        complain("changing " + module.__name__, error)
