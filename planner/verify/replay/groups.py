"""A replica whose groups have requests and caches of their own, and compute in common steps.

With data-parallel attention every group admits, decodes and preempts as a replica does
(:mod:`planner.verify.replay.replica`), but a step ends for all groups at once. It takes as long as
the one with the most prompt tokens: groups with fewer wait. A request goes to the group with the
fewest requests.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.perf.one_step import OneStep
from planner.verify.replay.replica import Engine, Replica

if TYPE_CHECKING:
    from planner.verify.replay.requests import Log


def replica_of(engine: Engine, log: Log) -> Replica | Groups:
    """Return a replica that serves as `engine` says."""
    return Groups(engine, log) if engine.groups > 1 else Replica(engine, log)


class _CommonStep(OneStep):
    """Steps of a group: those that all groups have in common."""

    __slots__ = ("_step", "batch", "cached")

    def __init__(self, step: OneStep) -> None:
        self._step, self.batch, self.cached = step, 0, 0.0

    def decodes_s(self, batch: int, cached: float, steps: int) -> float:
        """Return the time of `steps` steps in which the requests of all groups decode, seconds."""
        return self._step.decodes_s(self.batch, self.cached, steps)


class Groups:
    """One replica in time, as :class:`~planner.verify.replay.replica.Replica`."""

    __slots__ = (
        "_chunked", "_common", "_groups", "_log", "_prompts", "_start_s", "_step", "_steps",
        "due_s", "prompt_tokens",
    )  # fmt: skip

    def __init__(self, engine: Engine, log: Log) -> None:
        self._log, self._step, self._chunked = log, engine.step, engine.is_chunked
        self._common = _CommonStep(engine.step)
        own = replace(engine, step=self._common, groups=1)
        self._groups = [Replica(own, log) for _ in range(engine.groups)]
        self._start_s, self._steps, self._prompts = 0.0, 0, False
        self.due_s = math.inf
        self.prompt_tokens = 0

    @property
    def outstanding(self) -> int:
        """Requests that are here."""
        return sum(group.outstanding for group in self._groups)

    @property
    def requests(self) -> list[int]:
        """Requests that are here, group by group."""
        return [request for group in self._groups for request in group.requests]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here, neither requests nor what they held."""
        return all(group.is_empty for group in self._groups)

    def arrive(self, request: int, now_s: float) -> None:
        """Take a request that arrives, into the group with the fewest."""
        group = min(self._groups, key=lambda one: one.outstanding)
        group.enqueue(request)
        self.prompt_tokens = sum(one.prompt_tokens for one in self._groups)
        if self.due_s == math.inf:
            group.finish(now_s)
            self._begin(now_s)
        elif self._steps > 1:
            self._cut(now_s)

    def _cut(self, now_s: float) -> None:
        """End the run of steps with the step that is being computed."""
        batch, cached = self._common.batch, self._common.cached
        passed = now_s - self._start_s
        steps = self._step.decode_steps(batch, cached, passed, self._steps)
        if steps < self._steps:
            self._decode(steps)
            self.due_s = self._start_s + self._step.decodes_s(batch, cached, steps)

    def advance(self) -> int:
        """Finish what ends at `due_s`, and begin what follows; return the requests left here."""
        now_s = self.due_s
        self._log.worked(self._start_s, now_s, prompts=self._prompts)
        for group in self._groups:
            group.finish(now_s)
        self.prompt_tokens = sum(group.prompt_tokens for group in self._groups)
        self._begin(now_s)
        return self.outstanding

    def _begin(self, now_s: float) -> None:
        """Form the next step of all groups, or a run of steps."""
        self._start_s = now_s
        formed = [group.form(now_s) for group in self._groups]
        fresh = sum(tokens for tokens, _ in formed)
        held = [group.decoding for group in self._groups]
        batch, cached = sum(count for count, _ in held), sum(tokens for _, tokens in held)
        self._common.batch, self._common.cached = batch, cached
        self._prompts = fresh > 0
        if fresh:
            riding = batch if self._chunked else 0
            self._decode(1 if riding else 0)
            count = len(formed)
            idle = count * max(tokens for tokens, _ in formed) - fresh
            pairs = count * max(attended for _, attended in formed)
            step_s = self._step.time_s(
                fresh + riding, cached if riding else 0, pairs, riding, idle
            )
            self.due_s = now_s + step_s
        elif batch:
            pairs_of = zip(self._groups, held, strict=True)
            self._decode(min(group.run_length() for group, (count, _) in pairs_of if count))
            self.due_s = now_s + self._step.decodes_s(batch, cached, self._steps)
        else:
            self._decode(0)
            self.due_s = math.inf

    def _decode(self, steps: int) -> None:
        self._steps = steps
        for group in self._groups:
            group.decode(steps)
