"""Writes a trial: the tensors of one step at a time, collections, the end."""

import json
import os

from . import events, places, records, tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class StepFile:
    """The tensors that one worker saves in one step, in memory until `close`.

    `mode` and `mode_step` are those of the first tensor; the index holds no others.
    """

    def __init__(self, folder: str, step: int, worker: str = places.WORKER) -> None:
        self.folder, self.step, self.worker = folder, step, worker
        self._records = []  # type: list[bytes]
        self._size = 0
        self._meta = {}  # type: dict[str, Any]
        self._tensors = []  # type: list[dict[str, Any]]
        self._shapes = []  # type: list[dict[str, Any]]

    def resume(self) -> None:
        """Go on with the file of this step that was closed."""
        with open(os.path.join(self.folder, places.index(self.step, self.worker)), encoding="utf-8") as file:
            index = json.load(file)
        self._meta, self._tensors = index["meta"], index["tensor_payload"]
        self._shapes = index["shape_payload"]
        if self._tensors:
            with open(os.path.join(self.folder, self._meta["event_file_name"]), "rb") as events_file:
                self._records = [events_file.read()]
            self._size = len(self._records[0])

    def add(self, name: str, value: "Any", mode: str, mode_step: int, time: float) -> None:
        """Raises `TypeError` or `ValueError` for what is no array."""
        array = tensors.as_array(value)
        record = records.frame(events.encode(name, array, self.step, mode, mode_step, time))
        self._begin(mode, mode_step)["event_file_name"] = places.events(self.step, self.worker)
        self._tensors.append({"tensorname": name, "start_idx": self._size, "length": len(record)})
        self._records.append(record)
        self._size += len(record)

    def add_shape(
        self, name: str, shape: "tuple[int, ...]", mode: str, mode_step: int, original: str = ""
    ) -> None:
        self._begin(mode, mode_step)
        self._shapes.append({"tensorname": name, "originalname": original or name, "shape": list(shape)})

    def close(self) -> None:
        """The events first: who finds the index finds them too."""
        if self._records:
            path = os.path.join(self.folder, places.events(self.step, self.worker))
            places.put(path, b"".join(self._records))
        if self._meta:
            document = {"meta": self._meta, "tensor_payload": self._tensors, "shape_payload": self._shapes}
            path = os.path.join(self.folder, places.index(self.step, self.worker))
            places.put(path, json.dumps(document).encode("utf-8"))

    def _begin(self, mode: str, mode_step: int) -> "dict[str, Any]":
        if not self._meta:
            self._meta.update(mode=mode, mode_step=mode_step)
        return self._meta


def write_collections(
    folder: str, collections: "dict[str, dict[str, Any]]", workers: int = 1, worker: str = places.WORKER
) -> None:
    """`collections` by name, as `config.Collection.document` gives them; `workers`: how many save."""
    document = {"collections": collections, "_meta": {"num_workers": workers}}
    places.put(os.path.join(folder, places.collections(worker)), json.dumps(document).encode("utf-8"))


def write_end(folder: str) -> None:
    places.put(os.path.join(folder, places.END), b"")
