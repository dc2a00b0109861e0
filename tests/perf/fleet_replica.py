"""One simulated replica; see :mod:`tests.perf.fleet`."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

BLOCK_TOKENS = 16


class Replica:
    """One engine: what runs, what waits, and when its current step ends."""

    def __init__(self, engine, log, kinds):
        self.engine, self.log = engine, log
        self.waiting = deque()
        self.running, self.cached, self.index = 0, 0.0, 0
        self.finishes, self.newest, self.joined = [], [], {}
        self.head_done = 0.0
        self.end_s, self.taken, self.decoding = None, [], False
        self.prompt_tokens, self.last_s = 0.0, 0.0
        self.counts = [0] * kinds
        self.fresh = []

    def arrive(self, request, now_s):
        self.waiting.append(request)
        self.prompt_tokens += self.log.prompt[request]
        if self.end_s is None:
            self.last_s = now_s
            self._begin(now_s)

    def run_until(self, now_s):
        while self.end_s is not None and self.end_s <= now_s:
            if self.taken or self.waiting or self.fresh:
                self._finish()
                self._begin(self.end_s)
            else:
                self._decode_on(now_s)

    def _decode_on(self, now_s):
        """Finish and begin steps that only decode, as long as nothing else can happen."""
        time_s, log, finishes, joined = (
            self.engine.time_s, self.log, self.finishes, self.joined
        )  # fmt: skip
        limit = self.engine.kv_tokens
        end_s, running, cached, index, last_s = (
            self.end_s, self.running, self.cached, self.index, self.last_s
        )  # fmt: skip
        gap_s, gap_counts, counts = log.gap_s, log.gap_counts, self.counts
        while end_s <= now_s:
            gap_s.append(end_s - last_s)
            gap_counts += counts
            last_s = end_s
            index += 1
            cached += running
            while finishes and finishes[0][0] <= index:
                request = heappop(finishes)[1]
                if joined.get(request, (0, -1))[1] != index:
                    continue
                joined.pop(request)
                running -= 1
                cached -= log.isl[request] + log.osl[request]
                counts[log.kind[request]] -= 1
                log.done_s[request] = end_s
            if not running:
                self.end_s = None
                break
            if cached + (BLOCK_TOKENS / 2 + 1) * running > limit:
                self.running, self.cached, self.index, self.last_s = running, cached, index, last_s
                self._begin(end_s)
                return
            end_s += time_s(running, cached, 0.0, running)
        else:
            self.end_s = end_s
        self.running, self.cached, self.index, self.last_s = running, cached, index, last_s

    def _preempt(self):
        """Take the newest running request's tokens away until one more step of tokens fits."""
        log = self.log
        while self.running > 1 and (
            self.cached + (BLOCK_TOKENS / 2 + 1) * self.running > self.engine.kv_tokens
        ):
            request = self.newest.pop()
            if request not in self.joined:
                continue
            _, last = self.joined.pop(request)
            made = log.osl[request] - (last - self.index)
            self.cached -= log.isl[request] + made
            self.running -= 1
            self.counts[log.kind[request]] -= 1
            log.prompt[request] = log.isl[request] + made
            log.still[request] = log.osl[request] - made
            self.prompt_tokens += log.prompt[request] + self.head_done
            self.head_done = 0.0
            self.waiting.appendleft(request)
            log.preempted += 1

    def _begin(self, now_s):
        """Form the next step from what is there."""
        self.end_s = None
        formed = self.form()
        if formed is not None:
            self.end_s = now_s + self.engine.time_s(*formed)

    def form(self):
        """Choose what the next step computes; return its tokens, cached, pairs, and decodes."""
        engine, log = self.engine, self.log
        if self.running:
            self._preempt()
        riding = self.running if engine.chunked else 0
        room = engine.budget - riding
        seats = engine.max_seqs - self.running
        free = engine.kv_tokens - self.cached - (BLOCK_TOKENS / 2 + 1) * self.running
        taken, fresh, pairs, done = [], 0.0, 0.0, self.head_done
        for request in self.waiting:
            if room <= 0 or seats < 1 or log.prompt[request] + BLOCK_TOKENS > free:
                break
            part = min(log.prompt[request] - done, room)
            pairs += part * (done + part / 2)
            whole = done + part >= log.prompt[request]
            taken.append((request, part, whole))
            room, fresh, seats = room - part, fresh + part, seats - 1
            free -= log.prompt[request] + BLOCK_TOKENS
            done = 0.0
        self.taken = taken
        if taken:
            self.decoding = engine.chunked and riding > 0
            cached = self.cached if engine.chunked else 0.0
            return fresh + riding, cached, pairs, riding
        if self.running:
            self.decoding = True
            return self.running, self.cached, 0.0, self.running
        assert not self.waiting, "a request larger than the cache"
        self.decoding = False
        return None

    def _finish(self):
        """Hand out the tokens of the step that ends."""
        self.finish(self.end_s)

    def finish(self, now_s):
        """Hand out the tokens of the step that ends now."""
        if self.decoding:
            self._record_gaps(now_s)
            self.last_s = now_s
            self.index += 1
            self.cached += self.running
            while self.finishes and self.finishes[0][0] <= self.index:
                request = heappop(self.finishes)[1]
                if self.joined.get(request, (0, -1))[1] == self.index:
                    self._leave(request, now_s)
        for request, part, whole in self.taken:
            self.prompt_tokens -= part
            if not whole:
                self.head_done += part
                continue
            self.head_done = 0.0
            self.waiting.popleft()
            self._join(request, now_s)
        self.taken = []
        if not self.running:
            self.last_s = now_s

    def _record_gaps(self, now_s):
        """Record the gaps that end; those who got their first token meanwhile waited less."""
        counts = list(self.counts)
        for first_s, kind in self.fresh:
            counts[kind] -= 1
            alone = [0] * len(counts)
            alone[kind] = 1
            self.log.add_gap(now_s - first_s, alone)
        self.fresh.clear()
        if any(counts):
            self.log.add_gap(now_s - self.last_s, counts)

    def _join(self, request, now_s):
        log = self.log
        if not log.first_s[request]:
            log.first_s[request] = now_s
        left = log.still[request] - 1
        if left <= 0:
            log.done_s[request] = now_s
            return
        if not self.running:
            self.last_s = now_s
        self.running += 1
        self.counts[log.kind[request]] += 1
        self.cached += log.prompt[request] + 1
        last = self.index + left
        self.joined[request] = (self.index, last)
        self.newest.append(request)
        if now_s > self.last_s:
            self.fresh.append((now_s, log.kind[request]))
        heappush(self.finishes, (last, request))

    def _leave(self, request, now_s):
        log = self.log
        self.joined.pop(request)
        self.running -= 1
        self.counts[log.kind[request]] -= 1
        self.cached -= log.isl[request] + log.osl[request]
        log.done_s[request] = now_s
