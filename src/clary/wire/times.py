"""Timestamps: float epoch seconds inside, AWS's three formats on the wire.

The formats are Smithy's: `unixTimestamp` (a number), `iso8601` and `rfc822` (an HTTP date).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from clary.wire.errors import Malformed

LATEST = 253402300799.999
"""The end of the year 9999, beyond which no calendar date can be written; the earliest is its mirror."""
EARLIEST = -62135596800.0


def parse(value: str | float) -> float:
    """Epoch seconds from a number or any of the three formats. Raises `Malformed`."""
    if isinstance(value, str):
        value = _parse_text(value)
    if not EARLIEST <= value <= LATEST:  # Nor is what is not a number.
        raise Malformed(f"{value} is not a date", value)
    return float(value)


def _parse_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    except ValueError:
        raise Malformed("STRING_VALUE can not be converted to milliseconds since epoch", text) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def epoch(value: float | datetime | str) -> float:
    """Epoch seconds of whatever a document holds."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return parse(value)


def unix(value: float | datetime | str) -> int | float:
    """Whole seconds are written as an integer."""
    seconds = value if type(value) is float else epoch(value)
    return int(seconds) if seconds.is_integer() else seconds


def iso8601(value: float | datetime | str) -> str:
    """`2026-11-24T10:00:00Z`, with milli- or microseconds where there are any."""
    moment = _moment(value)
    if not moment.microsecond:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    return (
        moment.isoformat(timespec="microseconds" if moment.microsecond % 1000 else "milliseconds")[:-6] + "Z"
    )


def iso8601_millis(value: float | datetime | str) -> str:
    """Always three digits of a second, as S3 writes."""
    return _moment(value).isoformat(timespec="milliseconds")[:-6] + "Z"


def rfc822(value: float | datetime | str) -> str:
    """`Tue, 24 Nov 2026 10:00:00 GMT`; the format has no fractions."""
    return format_datetime(_moment(value).replace(microsecond=0), usegmt=True)


def _moment(value: float | datetime | str) -> datetime:
    return datetime.fromtimestamp(epoch(value), UTC)


TEXT: dict[str, Callable[[float | datetime | str], str]] = {
    "iso8601": iso8601,
    "iso8601millis": iso8601_millis,
    "rfc822": rfc822,
    "unixtimestamp": lambda value: str(unix(value)),
}
"""Writers of the formats as text, by the model's name for the format in lower case."""
