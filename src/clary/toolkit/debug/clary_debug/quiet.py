"""What goes wrong in the hook is said once on standard error, and the program goes on without it."""

import functools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_told = set()  # type: set[str]


def complain(doing: str, error: object) -> None:
    message = "clary debugger: %s: %s" % (doing, error if isinstance(error, str) else repr(error))
    if message not in _told:
        _told.add(message)
        sys.stderr.write(message + "\n")


def quiet(method: "Callable[..., Any]") -> "Callable[..., Any]":
    """A method that answers None where it would raise."""

    @functools.wraps(method)
    def call(*args: "Any", **options: "Any") -> "Any":
        try:
            return method(*args, **options)
        except Exception as error:
            complain(method.__name__.strip("_"), error)
            return None

    return call
