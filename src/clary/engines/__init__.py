"""Engines run programs: `process` on this machine, in a sandbox where it can. One port, `ports.py`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the supervisor imports this package too, and has no time for more
    from pathlib import Path

TOOLKIT = "/opt/clary/toolkit"
"""Where a program sees the toolkit, when `toolkit_path()` is mounted there."""


def toolkit_path() -> Path:
    """The toolkit's folder on the host, to be mounted read-only."""
    from pathlib import Path

    return Path(__file__).parent.parent / "toolkit"


def train_command(python: Path) -> tuple[str, ...]:
    """What runs a script-mode job with the toolkit and this interpreter. `-I -S`: the toolkit needs only
    the standard library, and the program it turns into starts its own interpreter."""
    return (str(python), "-I", "-S", f"{TOOLKIT}/train.py")
