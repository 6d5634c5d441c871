"""The thread that reduces, encodes and writes, so that training does not wait for it.

It is handed whole steps. A queue of a few keeps memory bounded: a program that saves faster than the disk
takes it waits for the disk.
"""

import atexit
import queue
import threading

from .format import events, places, records, tensors, writer
from .quiet import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STEPS = 8
"""That may wait to be written."""
PREFIX = "smdebug/reductions/"


class Value:
    """A tensor to be saved: `array` is the hook's own."""

    def __init__(
        self,
        name: str,
        array: "Any",
        time: float,
        raw: bool,
        shape: bool,
        reductions: "list[tuple[str, bool]]",
    ) -> None:
        self.name, self.array, self.time = name, array, time
        self.raw, self.shape, self.reductions = raw, shape, reductions


class Step:
    """What a worker saves in one step. `collections`: the collections file, where it has changed."""

    def __init__(self, step: int, mode: str, mode_step: int) -> None:
        self.step, self.mode, self.mode_step = step, mode, mode_step
        self.values = []  # type: list[Value]
        self.collections = None  # type: dict[str, Any] | None
        self.workers = 1


class Background:
    def __init__(self, folder: str, worker: str, board: "str | None" = None) -> None:
        """`board`: a folder for TensorBoard."""
        self._folder, self._worker, self._board = folder, worker, board
        self._queue = queue.Queue(STEPS)  # type: queue.Queue[Step | None]
        self._last = -1
        self._thread = threading.Thread(target=self._run, name="clary-debugger", daemon=True)
        self._thread.start()
        atexit.register(self.finish)

    def put(self, step: Step) -> None:
        self._queue.put(step)

    def finish(self) -> None:
        """All that was put is on the disk."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while True:
            step = self._queue.get()
            if step is None:
                return
            try:
                self._write(step)
            except Exception as error:
                complain("writing step %d" % step.step, error)

    def _write(self, step: Step) -> None:
        if step.collections is not None:
            writer.write_collections(self._folder, step.collections, step.workers, self._worker)
        file = writer.StepFile(self._folder, step.step, self._worker)
        if step.step == self._last:  # a script's own number, after the framework's step was closed
            file.resume()
        self._last = step.step
        for value in step.values:
            array = tensors.as_array(value.array)
            for name, absolute in value.reductions:
                reduced = reduce(name, array, absolute)
                if reduced is not None:
                    file.add(
                        reduction_name(value.name, name, absolute),
                        reduced,
                        step.mode,
                        step.mode_step,
                        value.time,
                    )
            if value.raw and array.nbytes:
                file.add(value.name, array, step.mode, step.mode_step, value.time)
            if value.shape:
                file.add_shape(value.name, array.shape, step.mode, step.mode_step)
        file.close()
        if self._board:
            self._show(self._board, step)

    def _show(self, board: str, step: Step) -> None:
        """Scalars for TensorBoard, a file a step and mode, as smdebug names them."""
        shown = [each for each in step.values if each.raw and getattr(each.array, "size", 0) == 1
                 and each.array.dtype.kind in "fiu"]  # fmt: skip
        if shown:
            parts = [events.encode_version(shown[0].time)]
            parts += [
                events.encode_scalar(v.name, float(v.array.reshape(-1)[0]), step.step, v.time) for v in shown
            ]
            path = "%s/%s/%012d_%s.tfevents" % (board, step.mode, step.step, self._worker)
            places.put(path, b"".join(records.frame(part, checksum=True) for part in parts))


def reduce(name: str, array: "Any", absolute: bool) -> "Any":
    """None for what has no such number: no elements, or no numbers."""
    import numpy

    if not array.size or array.dtype.kind not in "fiubc":
        return None
    if array.dtype.name == "float16":
        array = array.astype(numpy.float32)
    values = numpy.absolute(array) if absolute else array
    if name in ("l1", "l2"):
        return numpy.linalg.norm(values.reshape(-1), ord=int(name[1]))
    return getattr(numpy, "var" if name == "variance" else name)(values)


def reduction_name(tensor: str, name: str, absolute: bool) -> str:
    return "%s%s%s/%s" % (PREFIX, "abs_" if absolute else "", name, tensor)
