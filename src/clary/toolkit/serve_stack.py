"""Several requests, one prediction: their rows are stacked before `predict_fn` and the answers split after it.

- What `input_fn` makes of each request is stacked where these are arrays (NumPy's, or tensors) of two dimensions or
  more that differ in nothing but their number of rows; the others are predicted one by one.
- A prediction is split where it has as many rows as were put in; a `predict_fn` that answers otherwise is told of in the
  log, once, and from then on sees each request alone.
- What fails for one request is that request's answer alone: a stack that fails is done again one by one.
"""

import sys
import traceback

from .serve_http import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .serve_http import Request


def answers(script: "Any", requests: "Sequence[Request]") -> "list[Any]":
    """For each request what the handler gives for it, or the exception that it raised; in their order."""
    if len(requests) == 1 or not (hasattr(script, "stacks") and script.stacks()):
        return [_guarded(script, request) for request in requests]
    found = [None] * len(requests)  # type: list[Any]
    groups = {}  # type: dict[object, list[tuple[int, object]]]
    for number, request in enumerate(requests):
        try:
            data = script.parse(request)
        except Exception as error:
            found[number] = _told(error)
            continue
        groups.setdefault(_likeness(data, number), []).append((number, data))
    for members in groups.values():
        predictions = _together(script, [data for _, data in members]) if len(members) > 1 else None
        for place, (number, data) in enumerate(members):
            request = requests[number]
            try:
                prediction = script.predicted(request, data) if predictions is None else predictions[place]
                found[number] = script.rendered(request, prediction)
            except Exception as error:
                found[number] = _told(error)
    return found


def _guarded(script: "Any", request: "Request") -> "Any":
    try:
        return script(request)
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> Exception:
    if not isinstance(error, Refused):
        traceback.print_exception(type(error), error, error.__traceback__)
    return error


def _likeness(data: "Any", number: int) -> object:
    """Equal for what can be stacked; `number` for what cannot."""
    shape = getattr(data, "shape", None)
    if shape is None or len(shape) < 2 or not (hasattr(data, "__array__") or hasattr(data, "detach")):
        return number
    if not hasattr(data, "dtype") or hasattr(data, "iloc"):
        return number
    return type(data), str(data.dtype), tuple(shape[1:])


def _together(script: "Any", data: "list[Any]") -> "list[object] | None":
    """A prediction for each; None where they are to be predicted one by one."""
    counts = [len(each) for each in data]
    try:
        made = script.predicted(None, _stacked(data))
    except Exception:
        return None  # whose fault it is shows when each is alone
    parts = _split(made, counts)
    if parts is None:
        script.stackable = False
        sys.stderr.write(
            "predict_fn answered %d stacked rows with something else than as many: requests are predicted one by one "
            "from here on.\n" % sum(counts)
        )
    return parts


def _stacked(data: "list[Any]") -> "Any":
    if hasattr(data[0], "detach"):
        import torch  # type: ignore[import-not-found,unused-ignore]

        return torch.cat(data)
    import numpy

    return numpy.concatenate(data)


def _split(made: "Any", counts: "list[int]") -> "list[object] | None":
    if isinstance(made, dict):
        columns = {name: _split(value, counts) for name, value in made.items()}
        if not columns or any(parts is None for parts in columns.values()):
            return None
        return [{name: parts[place] for name, parts in columns.items()} for place in range(len(counts))]  # type: ignore[index]
    if isinstance(made, (str, bytes, tuple)) or not hasattr(made, "__len__") or hasattr(made, "iloc"):
        return None
    try:
        if len(made) != sum(counts):
            return None
    except TypeError:
        return None
    ends, parts = 0, []
    for count in counts:
        parts.append(made[ends : ends + count])
        ends += count
    return parts
