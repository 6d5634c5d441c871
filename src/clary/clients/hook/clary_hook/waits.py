"""Waits that are there only because AWS takes its minutes are short.

SDK v2's `deploy()` sleeps 30 s before its first look at the endpoint and 30 s between looks, `transform()` and
`fit()` as much; botocore's waiters sleep 30 to 120 s. A wait's whole length stays what it was: a waiter looks as
many times more as its pauses are shorter.

    botocore's waiters   a `Delay` of 2 s or more becomes `DELAY`, and MaxAttempts grows with it
    the SDKs' modules    their `time.sleep` takes `FIRST` s at first and longer with each turn of the same loop, up
                         to what was asked for: quick things are seen quickly, long ones are not asked about at
                         every moment. Loops that print a job's logs look at the job itself only every 30 s of
                         theirs: their `time.time` takes each turn for more
    ModelBuilder.deploy  sleeps 30 s before it says that an endpoint failed, for logs that are there already
    AsyncPredictor       its thread that waits for the file of a failure, 15 minutes long, no longer keeps a program
                         that has its answer from ending
"""

import functools
import math
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DELAY = 0.5
FIRST, GROWTH = 0.2, 1.15
SHORT = 0.5
"""Seconds of a sleep that is left as it is."""
_LIVE_LOGGING = "_live_logging_deploy_done_with_progress"
LOOK, LAST_LOOK = 31.0, "last_describe_job_call"
"""More seconds than lie between looks at a job whose logs are printed; the variable that keeps the last look."""
TAIL = 1.0
"""Seconds between such a loop's looks at the logs, at most."""
APART = 5.0
"""Seconds without a sleep after which the next one begins a loop anew."""


def change(module: "Any") -> None:
    waiter = vars(module).get("Waiter")
    if waiter is not None and hasattr(waiter, "wait") and hasattr(module, "WaiterModel"):
        waiter.wait = _quick(waiter.wait)
    elif vars(module).get("time") is time:
        module.time = Time()
    if module.__name__.endswith(".predictor_async") and vars(module).get("threading") is threading:
        module.threading = Threading()
    progress = vars(module).get(_LIVE_LOGGING)
    if progress is not None:
        setattr(module, _LIVE_LOGGING, _polled(progress))


def _quick(wait: "Any") -> "Any":
    @functools.wraps(wait)
    def wrapper(self: "Any", **kwargs: "Any") -> "Any":
        config = dict(kwargs.get("WaiterConfig") or {})
        delay = config.get("Delay", self.config.delay)
        attempts = config.get("MaxAttempts", self.config.max_attempts)
        if delay >= 2:
            config["Delay"] = DELAY
            config["MaxAttempts"] = math.ceil(attempts * delay / DELAY)
            kwargs["WaiterConfig"] = config
        return wait(self, **kwargs)

    return wrapper


def _polled(look: "Any") -> "Any":
    """ModelBuilder's look at an endpoint, whose fifth argument is what it sleeps where that has failed."""

    @functools.wraps(look)
    def wrapper(*args: "Any", **kwargs: "Any") -> "Any":
        if len(args) > 4:
            args = (*args[:4], min(args[4], DELAY), *args[5:])
        return look(*args, **kwargs)

    return wrapper


class Threading:
    """The `threading` module, whose threads end with the program."""

    Thread = functools.partial(threading.Thread, daemon=True)

    def __getattr__(self, name: str) -> "Any":
        return getattr(threading, name)


class Time:
    """The `time` module, as one module of an SDK sees it."""

    def __init__(self) -> None:
        self._turns = threading.local()

    def __getattr__(self, name: str) -> "Any":
        return getattr(time, name)

    def time(self) -> float:
        loop = sys._getframe(1)
        if LAST_LOOK in loop.f_code.co_varnames and not loop.f_locals.get("timeout"):
            return time.time() + LOOK * getattr(self._turns, "count", 0)
        return time.time()

    def sleep(self, seconds: float) -> None:
        if seconds <= SHORT:
            time.sleep(seconds)
            return
        turns = self._turns
        now = time.monotonic()
        if now - getattr(turns, "last", -APART) > APART:
            turns.pause = FIRST
        turns.count = getattr(turns, "count", 0) + 1
        longest = TAIL if LAST_LOOK in sys._getframe(1).f_code.co_varnames else seconds
        time.sleep(min(longest, turns.pause))
        turns.pause *= GROWTH
        turns.last = time.monotonic()
