"""`get_hook`, `set_hook` and `del_hook` of a framework's module."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_hooks = {}  # type: dict[type, Any]


class Singleton:
    def __init__(self, kind: "Any") -> None:
        self._kind = kind

    def get_hook(self, hook_type: "Any" = None, create_if_not_exists: bool = False, **_: "Any") -> "Any":
        if self._kind not in _hooks and create_if_not_exists:
            _hooks[self._kind] = self._kind.create_from_json_file()
        return _hooks.get(self._kind)

    def set_hook(self, hook: "Any") -> None:
        _hooks[self._kind] = hook

    def del_hook(self) -> None:
        _hooks.pop(self._kind, None)
