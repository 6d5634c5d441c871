"""`smdebug.tensorflow`: the hook of Keras and of loops of `tf.GradientTape`.

As a callback of `fit` it does nothing: the one that comes unasked is there already.
"""

import importlib

from .. import keras
from . import Collection, CollectionKeys, ModeKeys, ReductionConfig, SaveConfig, SaveConfigMode, modes
from .hook import Hook as Common
from .singletons import Singleton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..saver import Saver

__all__ = [
    "Collection", "CollectionKeys", "KerasHook", "ModeKeys", "ReductionConfig", "SaveConfig", "SaveConfigMode", "del_hook",
    "get_hook", "modes", "set_hook",
]  # fmt: skip

_Callback = importlib.import_module("tensorflow").keras.callbacks.Callback  # type: Any


class KerasHook(Common, _Callback):  # type: ignore[misc,unused-ignore]
    COLLECTIONS, DEFAULT = keras.COLLECTIONS, keras.DEFAULT

    def __init__(self, *args: "Any", **options: "Any") -> None:
        _Callback.__init__(self)
        Common.__init__(self, *args, **options)

    @classmethod
    def create_from_json_file(cls, json_file_path: "str | None" = None) -> "Any":
        made = super().create_from_json_file(json_file_path)
        _Callback.__init__(made)
        return made

    def _unasked(self) -> "Saver | None":
        return keras.saver()

    def _use(self, saver: "Saver") -> None:
        keras.use(saver)

    def register_model(self, model: "Any") -> None:
        """It is found when it is called."""

    def wrap_optimizer(self, optimizer: "Any") -> "Any":
        """As it is: gradients are found without."""
        return optimizer

    def wrap_tape(self, tape: "Any") -> "Any":
        """As it is: tapes are seen without."""
        return tape

    def record_tensor_value(self, tensor_name: str, tensor_value: "Any") -> None:
        """A metric."""
        self._said_again(tensor_name)
        self._save(tensor_name, tensor_value, "metrics")


_single = Singleton(KerasHook)
get_hook, set_hook, del_hook = _single.get_hook, _single.set_hook, _single.del_hook
