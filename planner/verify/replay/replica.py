"""One replica: forms every step from the requests that are there.

A step is formed when the one before it ends. Requests that decode come first, one token each. Then
prompts in order of arrival, as far as the token budget, the seats of the batch and the cache
allow. A *chunked* engine cuts prompts to what is left of the budget and lets decodes ride along;
one with *prefill priority* runs whole prompts alone, at least one, while decodes wait.

The cache is counted in blocks. A prompt is admitted when all its blocks are free, and keeps them.
When a decode needs a block and none is free, what came last gives way: a prompt that is only
partly computed, else the newest request that decodes. It is computed again, with the tokens that
it had, before the prompts that wait.

While nothing can happen but decodes, steps are not formed one by one: the run of steps up to the
next request that ends, or to the last block of the cache, has a sum in closed form
(:mod:`planner.perf.one_step`). A prompt that arrives meanwhile cuts the run short. All gaps of a
run count as its mean gap.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from planner.perf.memory import KV_BLOCK_TOKENS

if TYPE_CHECKING:
    from planner.perf.one_step import OneStep
    from planner.verify.replay.requests import Log

_FAR = 1 << 40
_B = KV_BLOCK_TOKENS


@dataclass(frozen=True, slots=True)
class Engine:
    """How a replica serves.

    Parameters
    ----------
    step
        Time of its steps.
    is_chunked
        Whether prompts share steps with decodes.
    budget_tokens
        Most new tokens of a step, > 0.
    max_requests
        Most requests that decode at once, > 0.
    cache_tokens
        Tokens that its cache holds.
    request_s
        Time of a request outside the steps, seconds.
    state_tokens
        Cache that a request holds whatever its length, in tokens.
    round_trip_s
        Time of a request on the way to the replica and back to its user, seconds.
    groups
        Groups that have requests and a cache of their own, and compute in common steps
        (:mod:`planner.verify.replay.groups`); budget, places and cache are those of each.
    """

    step: OneStep
    is_chunked: bool
    budget_tokens: int
    max_requests: int
    cache_tokens: float
    request_s: float = 0.0
    state_tokens: float = 0.0
    round_trip_s: float = 0.0
    groups: int = 1


class Replica:
    """One replica in time; `due_s` is when its step or run of steps ends, infinite when idle."""

    __slots__ = (
        "_blocks", "_budget", "_cached", "_chunked", "_counts", "_done", "_ends", "_fresh",
        "_held", "_index", "_last_s", "_limit", "_log", "_newest", "_phase", "_running", "_seats",
        "_start_s", "_state", "_step", "_steps", "_taken", "_waiting", "due_s", "prompt_tokens",
        "run",
    )  # fmt: skip

    def __init__(self, engine: Engine, log: Log) -> None:
        self._log, self._step = log, engine.step
        self._chunked, self._budget = engine.is_chunked, engine.budget_tokens
        self._seats = engine.max_requests
        self._state = math.ceil(engine.state_tokens / _B)
        self._limit = int(engine.cache_tokens // _B)
        self._waiting: deque[int] = deque()
        self.run: dict[int, tuple[int, int]] = {}
        """Requests that decode: step of their last token, and when they need another block."""
        self._ends: list[tuple[int, int]] = []
        self._newest: list[int] = []
        self._counts = [0] * log.kinds
        self._running, self._cached, self._index = 0, 0, 0
        self._blocks, self._phase = 0, [0] * _B
        self._done, self._held = 0, 0
        self._taken: list[tuple[int, int, bool]] = []
        self._steps, self._start_s, self._last_s = 0, 0.0, 0.0
        self._fresh: list[tuple[float, int]] = []
        self.due_s = math.inf
        self.prompt_tokens = 0

    @property
    def outstanding(self) -> int:
        """Requests that are here."""
        return self._running + len(self._waiting)

    @property
    def requests(self) -> list[int]:
        """Requests that are here, those whose prompt waits first."""
        return [*self._waiting, *self.run]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here, neither requests nor what they held."""
        return not (self.outstanding or self._cached or self._blocks or any(self._phase))

    def arrive(self, request: int, now_s: float) -> None:
        """Take a request that arrives."""
        self.enqueue(request)
        if self.due_s == math.inf:
            self._last_s = now_s
            self._begin(now_s)
        elif self._steps > 1 and len(self._waiting) == 1:
            self._cut(now_s)

    def enqueue(self, request: int) -> None:
        """Let a request wait for a step."""
        log = self._log
        self.prompt_tokens += log.cached[request] - log.hit[request]
        self._waiting.append(request)

    @property
    def decoding(self) -> tuple[int, int]:
        """Requests that decode, and the tokens that they hold in the cache."""
        return self._running, self._cached

    def _cut(self, now_s: float) -> None:
        """End the run of steps with the step that is being computed."""
        passed = now_s - self._start_s
        steps = self._step.decode_steps(self._running, self._cached, passed, self._steps)
        if steps < self._steps:
            self._steps = steps
            self.due_s = self._start_s + self._step.decodes_s(self._running, self._cached, steps)

    def advance(self) -> int:
        """Finish what ends at `due_s`, and begin what follows; return the requests left here."""
        now_s = self.due_s
        self._log.worked(self._start_s, now_s, prompts=bool(self._taken))
        self.finish(now_s)
        self._begin(now_s)
        return self._running + len(self._waiting)

    def finish(self, now_s: float) -> None:
        """Hand out what the steps that end make."""
        if self._steps:
            self._decoded(now_s)
        if self._taken:
            self._computed(now_s)
        if not self._running:
            self._last_s = now_s

    def _begin(self, now_s: float) -> None:
        """Form the next step from what is here, or a run of steps."""
        fresh, pairs = self.form(now_s)
        if fresh:
            riding = self._running if self._chunked else 0
            cached = self._cached if riding else 0
            self._steps = 1 if riding else 0
            self.due_s = now_s + self._step.time_s(fresh + riding, cached, pairs, riding)
            return
        if self._running:
            self._steps = self.run_length()
            self.due_s = now_s + self._step.decodes_s(self._running, self._cached, self._steps)
            return
        self._steps, self.due_s = 0, math.inf

    def form(self, now_s: float) -> tuple[int, float]:
        """Take prompts into a step that begins; return their tokens in it, and attended pairs."""
        self._start_s = now_s
        if self._blocks > self._limit and self._running:
            self._make_room()
        return self._admit() if self._waiting else (0, 0.0)

    def decode(self, steps: int) -> None:
        """Let the requests that decode take part in some steps, or in none."""
        self._steps = steps if self._running else 0

    def _admit(self) -> tuple[int, float]:
        """Take prompts into the next step; return their tokens in it, and attended pairs."""
        log, taken = self._log, self._taken
        room = self._budget - (self._running if self._chunked else 0)
        seats = self._seats - self._running
        free = self._limit - self._blocks
        fresh, pairs, done = 0, 0.0, self._done
        for request in self._waiting:
            tokens, hit = log.cached[request], log.hit[request]
            need = 0 if self._held and not taken else (tokens + _B) // _B + self._state
            left = tokens - hit - done
            if room <= 0 or seats < 1 or need > free:
                break
            if left > room:
                if self._chunked:
                    left = room
                elif taken:
                    break
            pairs += left * (hit + done + left / 2)
            whole = hit + done + left >= tokens
            taken.append((request, left, whole))
            self._blocks += need
            room, fresh, seats, free = room - left, fresh + left, seats - 1, free - need
            done = 0
            self._held = 0 if whole else need or self._held
        return fresh, pairs

    def run_length(self) -> int:
        """Return the steps until a request ends or the cache is too small, 1 or more."""
        ends, run, index = self._ends, self.run, self._index
        while run.get(ends[0][1], (-1, 0))[0] != ends[0][0]:
            heappop(ends)  # it was preempted
        steps = ends[0][0] - index
        free, phase = self._limit - self._blocks, self._phase
        if free >= (steps // _B + 1) * self._running:
            return steps
        for passed in range(1, steps + 1):
            free -= phase[(index + passed) % _B]
            if free < 0:
                return passed
        return steps

    def _decoded(self, now_s: float) -> None:
        """Hand out the tokens of the steps that end."""
        steps, running, index = self._steps, self._running, self._index
        self._record(now_s)
        self._blocks += self._grown(steps)
        self._cached += steps * running
        self._index = index = index + steps
        self._log.token_steps += steps * running
        self._last_s = now_s
        ends, run = self._ends, self.run
        while ends and ends[0][0] <= index:
            last, request = heappop(ends)
            if run.get(request, (-1, 0))[0] == last:
                self._log.done_s[request] = now_s
                self._leave(request, 0)

    def _grown(self, steps: int) -> int:
        """Return the blocks that the requests that decode need for some steps, >= 1."""
        phase, first = self._phase, (self._index + 1) % _B
        if steps == 1:
            return phase[first]
        whole, rest = divmod(steps, _B)
        if first + rest <= _B:
            return whole * self._running + sum(phase[first : first + rest])
        return whole * self._running + sum(phase[first:]) + sum(phase[: first + rest - _B])

    def _record(self, now_s: float) -> None:
        """Count the gaps that end; those after a first token or after prompts alone differ."""
        log, steps, window = self._log, self._steps, self._log.window
        counts = self._counts
        first_s = now_s
        if self._fresh or self._start_s > self._last_s:
            if steps > 1:
                first_s = self._start_s + self._step.decodes_s(self._running, self._cached, 1)
            if window.start_s <= first_s <= window.end_s:
                self._record_first(first_s)
            self._fresh.clear()
            steps -= 1
        else:
            first_s = self._start_s
        if steps and window.start_s <= now_s <= window.end_s:
            gap_s = (now_s - first_s) / steps
            if log.kinds == 1:
                log.gaps[0].add(gap_s, steps * self._running)
                return
            for kind, count in enumerate(counts):
                if count:
                    log.gaps[kind].add(gap_s, steps * count)

    def _record_first(self, now_s: float) -> None:
        counts, gaps = list(self._counts), self._log.gaps
        for first_s, kind in self._fresh:
            counts[kind] -= 1
            gaps[kind].add(now_s - first_s, 1)
        for kind, count in enumerate(counts):
            if count:
                gaps[kind].add(now_s - self._last_s, count)

    def _computed(self, now_s: float) -> None:
        """Hand out the first tokens of the prompts that end."""
        for request, part, whole in self._taken:
            self.prompt_tokens -= part
            if not whole:
                self._done += part
                continue
            self._done = 0
            self._waiting.popleft()
            self._join(request, now_s)
        self._taken = []

    def _join(self, request: int, now_s: float) -> None:
        log = self._log
        if math.isnan(log.first_s[request]):
            log.first_s[request] = now_s
        tokens, left = log.cached[request] + 1, log.left[request] - 1
        if left <= 0:
            log.done_s[request] = now_s
            self._blocks -= (tokens + _B - 1) // _B + self._state
            return
        if not self._running:
            self._last_s = now_s
        self._running += 1
        self._counts[log.kind[request]] += 1
        self._cached += tokens
        last, phase = self._index + left, (self._index + 1 - tokens) % _B
        self.run[request] = (last, phase)
        self._phase[phase] += 1
        heappush(self._ends, (last, request))
        self._newest.append(request)
        if now_s > self._last_s:
            self._fresh.append((now_s, log.kind[request]))

    def _leave(self, request: int, left: int) -> int:
        """Take a request that decodes out, with `left` tokens to come; return its tokens."""
        log = self._log
        _, phase = self.run.pop(request)
        tokens = log.cached[request] + log.left[request] - left
        self._phase[phase] -= 1
        self._blocks -= (tokens + _B - 1) // _B + self._state
        self._cached -= tokens
        self._running -= 1
        self._counts[log.kind[request]] -= 1
        return tokens

    def _make_room(self) -> None:
        """Preempt what came last until all blocks that are needed are there."""
        while self._blocks > self._limit:
            if self._held:
                self.prompt_tokens += self._done
                self._blocks -= self._held
                self._done = self._held = 0
            elif self._running > 1:
                self._preempt()
            else:
                return

    def _preempt(self) -> None:
        log = self._log
        request = self._newest.pop()
        if request not in self.run:
            return
        left = self.run[request][0] - self._index
        tokens = self._leave(request, left)
        # The token that it would have decoded next is part of the prompt's last step.
        log.cached[request], log.left[request] = tokens, left
        self._waiting.appendleft(request)
        self.prompt_tokens += tokens - log.hit[request]
        log.preempted += 1
        log.preempted_counted += log.window.start_s <= self._start_s <= log.window.end_s
