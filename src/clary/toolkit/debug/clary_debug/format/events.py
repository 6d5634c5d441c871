"""Event: one tensor of one step, or what TensorBoard shows.

Event {1: wall time, 2: step, 5: Summary {1: Value {1: tag, 2: simple value, 8: TensorProto, 9: metadata}}}. The
metadata's plugins are smdebug's own use of the field: `mode_step` and `mode`, as decimal text.
"""

import struct

from . import tensors
from .messages import CorruptMessage, block, double, fields, number, packed, single

MODES = ("TRAIN", "EVAL", "PREDICT", "GLOBAL")
"""Mode number 1 to 4."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np


def encode(name: str, array: "np.ndarray", step: int, mode: str, mode_step: int, time: float) -> bytes:
    """`array` as `tensors.as_array` gives it; `time` in seconds since the epoch."""
    plugins = (("mode_step", str(mode_step)), ("mode", str(MODES.index(mode) + 1)))
    metadata = [block(1, block(1, key.encode()), block(2, text.encode())) for key, text in plugins]
    value = block(1, name.encode("utf-8")) + block(8, tensors.encode(array, name)) + block(9, *metadata)
    return double(1, time) + number(2, step) + block(5, block(1, value))


def encode_scalar(name: str, value: float, step: int, time: float) -> bytes:
    """As TensorBoard shows it."""
    return (
        double(1, time)
        + number(2, step)
        + block(5, block(1, block(1, name.encode("utf-8")), single(2, value)))
    )


def encode_version(time: float) -> bytes:
    """What TensorBoard wants first in a file."""
    return double(1, time) + block(3, b"brain.Event:2")


class Event:
    """What one record tells. `value` is None where the record holds no tensor."""

    def __init__(self, data: bytes) -> None:
        """Raises `CorruptMessage`."""
        self.time, self.step, self.name, self.mode = 0.0, 0, "", "GLOBAL"
        self.value = None  # type: np.ndarray | None
        mode_step = None
        for field, content in fields(data):
            if field == 1 and isinstance(content, bytes):
                self.time = struct.unpack("<d", content)[0]
            elif field == 2:
                self.step = packed(content)[0]
            elif field == 5 and isinstance(content, bytes):
                mode_step = self._read_summary(content)
        self.mode_step = self.step if mode_step is None else mode_step

    def _read_summary(self, summary: bytes) -> "int | None":
        mode_step = None
        for _, value in fields(summary)[:1]:
            for field, content in fields(value) if isinstance(value, bytes) else ():
                if not isinstance(content, bytes):
                    continue
                if field == 1:
                    self.name = content.decode("utf-8", "replace")
                elif field == 8:
                    self.value = tensors.decode(content)
                elif field == 9:
                    told = dict(_plugins(content))
                    mode_step = _integer(told.get("mode_step"))
                    mode = _integer(told.get("mode"))
                    self.mode = MODES[mode - 1] if mode and 1 <= mode <= len(MODES) else "GLOBAL"
        return mode_step


def _plugins(metadata: bytes) -> "list[tuple[str, str]]":
    found = []
    for field, plugin in fields(metadata):
        if field == 1 and isinstance(plugin, bytes):
            texts = {key: value for key, value in fields(plugin) if isinstance(value, bytes)}
            found.append(
                (texts.get(1, b"").decode("utf-8", "replace"), texts.get(2, b"").decode("utf-8", "replace"))
            )
    return found


def _integer(text: "str | None") -> "int | None":
    try:
        return int(text) if text is not None else None
    except ValueError:
        raise CorruptMessage("%r is no step" % text) from None
