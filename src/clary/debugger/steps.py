"""Which steps of which modes there are, and which of them all workers have saved."""

from __future__ import annotations

import bisect

from .modes import ModeKeys


class Steps:
    """Global steps count all modes together; each mode counts its own besides."""

    def __init__(self) -> None:
        self.num_workers = 1
        """That save."""
        self.last_complete = -1
        self.ended = False
        """The job has, and all its steps are here."""
        self._order: list[int] = []
        self._modes: dict[int, tuple[ModeKeys, int]] = {}
        self._global: dict[ModeKeys, dict[int, int]] = {}
        self._workers: dict[int, set[str]] = {}

    def __len__(self) -> int:
        return len(self._modes)

    def add(self, step: int, worker: str, mode: ModeKeys, mode_step: int) -> None:
        if step not in self._modes:
            bisect.insort(self._order, step)
            self._modes[step] = mode, mode_step
        if mode is not ModeKeys.GLOBAL:
            self._global.setdefault(mode, {}).setdefault(mode_step, step)
        workers = self._workers.setdefault(step, set())
        workers.add(worker)
        if len(workers) >= self.num_workers:
            self.last_complete = max(self.last_complete, step)

    def end(self) -> None:
        self.ended = True
        self.last_complete = self._order[-1] if self._order else self.last_complete

    def modes(self) -> list[ModeKeys]:
        """Those in which steps were saved; never GLOBAL."""
        return list(self._global)

    def workers(self) -> set[str]:
        return set().union(*self._workers.values())

    def of(self, global_step: int) -> tuple[ModeKeys, int] | tuple[None, None]:
        """Its mode and the mode's own step."""
        return self._modes.get(global_step, (None, None))

    def known(self, mode: ModeKeys, step: int) -> int | None:
        """The global step of a mode's own."""
        return step if mode is ModeKeys.GLOBAL else self._global.get(mode, {}).get(step)

    def is_of(self, global_step: int, mode: ModeKeys) -> bool:
        return mode is ModeKeys.GLOBAL or self._modes[global_step][0] is mode

    def own(self, global_steps: list[int], mode: ModeKeys, incomplete: bool) -> list[int]:
        """Of these, the mode's, by its own count; `incomplete` ones too."""
        return [
            step if mode is ModeKeys.GLOBAL else self._modes[step][1]
            for step in sorted(global_steps)
            if self.is_of(step, mode) and (incomplete or self.is_complete(step))
        ]

    def last(self, global_steps: list[int], step: int, mode: ModeKeys, count: int | None) -> list[int]:
        """Of these, which are in order, the mode's own last `count` (None: all) complete ones up to and with its
        own `step`. It costs what it finds."""
        found: list[int] = []
        known = self.known(mode, step)
        at = len(global_steps) if known is None else bisect.bisect_right(global_steps, known)
        while at > 0 and (count is None or len(found) < count):
            at -= 1
            found += [own for own in self.own([global_steps[at]], mode, False) if own <= step]
        return found[::-1]

    def all(self, after: int = -1) -> list[int]:
        """Global steps, in order, above that one."""
        return self._order[bisect.bisect_right(self._order, after) :]

    def is_complete(self, global_step: int) -> bool:
        """By all workers, or by those that ever will: a later step is complete, or the job has ended."""
        return (
            self.ended
            or global_step <= self.last_complete
            or len(self._workers.get(global_step, ())) >= self.num_workers
        )
