"""`smdebug.pytorch`: the hook of PyTorch, which the script may tell its network, its losses and its mode."""

from .. import pytorch
from . import Collection, CollectionKeys, ModeKeys, ReductionConfig, SaveConfig, SaveConfigMode, modes
from .hook import Hook as Common
from .singletons import Singleton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..saver import Saver

__all__ = [
    "Collection", "CollectionKeys", "Hook", "ModeKeys", "ReductionConfig", "SaveConfig", "SaveConfigMode", "del_hook",
    "get_hook", "modes", "set_hook",
]  # fmt: skip


class Hook(Common):
    COLLECTIONS, DEFAULT = pytorch.COLLECTIONS, pytorch.DEFAULT

    def _unasked(self) -> "Saver | None":
        found = pytorch.hook()
        return found.saver if found else None

    def _use(self, saver: "Saver") -> None:
        pytorch.use(saver)

    def register_module(self, module: "Any") -> None:
        found = pytorch.hook()
        if found is not None and found.network is not module:
            found.attach(module)

    register_hook = register_module

    def register_loss(self, loss_module: "Any") -> None:
        """One of PyTorch's own is seen anyway."""
        pytorch.observe_loss(loss_module)

    def set_mode(self, mode: "Any") -> None:
        super().set_mode(mode)
        found = pytorch.hook()
        if found is not None:
            found.mode = mode.name

    def record_tensor_value(self, tensor_name: str, tensor_value: "Any") -> None:
        """The output of a function, `<name>_output_0`."""
        found = pytorch.hook()
        if found is not None:
            found.output(tensor_name, tensor_value)

    _array = staticmethod(pytorch.as_numpy)


_single = Singleton(Hook)
get_hook, set_hook, del_hook = _single.get_hook, _single.set_hook, _single.del_hook
