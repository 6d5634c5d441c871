"""PyTorch's data loaders: how many processes each has, told as it begins to load."""

import functools

from . import pytorch
from .quiet import quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def change(module: "Any") -> None:
    """`module` has the class DataLoader."""
    begin = module.DataLoader.__iter__

    @functools.wraps(begin)
    def iterate(self: "Any") -> "Any":
        _tell(self.num_workers)
        return begin(self)

    module.DataLoader.__iter__ = iterate


@quiet
def _tell(workers: int) -> None:
    found = pytorch.hook()
    if found is not None and found.saver.timeline is not None:
        found.saver.timeline.loader(workers)
