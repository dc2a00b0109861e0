"""Simulated groups that share the steps of a replica; see :mod:`tests.perf.fleet`."""

from __future__ import annotations

from dataclasses import replace

from tests.perf.fleet_replica import Replica


class Groups:
    """Groups with their own requests and cache, whose steps begin and end together."""

    def __init__(self, engine, groups, log, kinds):
        own = replace(engine, kv_tokens=engine.kv_tokens / groups)
        self.engine = engine
        self.lanes = [Replica(own, log, kinds) for _ in range(groups)]
        self.end_s = None

    @property
    def running(self):
        return sum(lane.running for lane in self.lanes)

    @property
    def waiting(self):
        return [request for lane in self.lanes for request in lane.waiting]

    @property
    def prompt_tokens(self):
        return sum(lane.prompt_tokens for lane in self.lanes)

    def arrive(self, request, now_s):
        lane = min(self.lanes, key=lambda one: one.running + len(one.waiting))
        lane.waiting.append(request)
        lane.prompt_tokens += lane.log.prompt[request]
        if self.end_s is None:
            lane.last_s = now_s
            self._begin(now_s)

    def run_until(self, now_s):
        while self.end_s is not None and self.end_s <= now_s:
            for lane in self.lanes:
                lane.finish(self.end_s)
            self._begin(self.end_s)

    def _begin(self, now_s):
        formed = [lane.form() for lane in self.lanes]
        prompts = [sum(part for _, part, _ in lane.taken) for lane in self.lanes]
        stopped = any(prompts) and not self.engine.chunked
        cached, pairs, decodes = 0.0, 0.0, 0
        for lane, found in zip(self.lanes, formed, strict=True):
            if stopped and not lane.taken:
                lane.decoding = False  # it waits for the prompts of the others
            elif found is not None:
                cached, pairs, decodes = (
                    cached + found[1],
                    max(pairs, found[2]),
                    decodes + found[3],
                )
        if not any(prompts) and not decodes:
            self.end_s = None
            return
        count = len(self.lanes)
        waited = count * max(prompts) + decodes
        self.end_s = now_s + self.engine.time_s(waited, cached, count * pairs, decodes)
