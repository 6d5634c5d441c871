"""What a training prints, in the forms that AWS's algorithms print and their metric definitions read."""

from __future__ import annotations

import time
from typing import Any


class Log:
    def __init__(self, host: str = "algo-1") -> None:
        self.host = host

    def say(self, text: str) -> None:
        print(f"[{time.strftime('%m/%d/%Y %H:%M:%S', time.gmtime())} INFO] {text}", flush=True)

    def quality(
        self, channel: str, metric: str, value: Any, kind: str = "loss", epoch: int | None = None
    ) -> None:
        """`kind`: `loss` (lower is better) or `score`."""
        at = "" if epoch is None else f" epoch={epoch},"
        self.say(f"#quality_metric: host={self.host},{at} {channel} {metric} <{kind}>={float(value)!r}")

    def score(self, channel: str, metric: str, value: Any, kind: str = "score") -> None:
        """A final evaluation, in both forms."""
        self.say(f"#{channel}_score ({self.host}) : ({metric!r}, {float(value)!r})")
        self.quality(channel, metric, value, kind)

    def progress(self, done: float, records: int, seconds: float) -> None:
        """`done` of 0 to 1; `records` trained on in `seconds`."""
        self.say(f"#progress_metric: host={self.host}, completed {100 * done:.6g} % of epochs")
        rate = records / max(seconds, 1e-9)
        self.say(f"#throughput_metric: host={self.host}, train throughput={rate!r} records/second")
