"""`smdebug.xgboost`: the hook of XGBoost. As a callback of `train` it does nothing: the one that comes unasked is there."""

try:
    from xgboost.callback import TrainingCallback  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # before 1.3 callbacks are functions
    TrainingCallback = object

from .. import boosting
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


class Hook(Common, TrainingCallback):  # type: ignore[misc,unused-ignore]
    COLLECTIONS, DEFAULT, INTERVAL = boosting.COLLECTIONS, boosting.DEFAULT, boosting.INTERVAL

    def __init__(
        self, out_dir: "str | None" = None, *args: "Any", hyperparameters: "Any" = None, train_data: "Any" = None,
        validation_data: "Any" = None, **options: "Any"
    ) -> None:  # fmt: skip
        super().__init__(out_dir, *args, **options)

    def _unasked(self) -> "Saver | None":
        found = boosting.hook("xgboost")
        return found.saver if found else None

    def _use(self, saver: "Saver") -> None:
        boosting.use("xgboost", saver)

    def __call__(self, env: "Any") -> None:
        """As callbacks before XGBoost 1.3 are called."""


_single = Singleton(Hook)
get_hook, set_hook, del_hook = _single.get_hook, _single.set_hook, _single.del_hook
