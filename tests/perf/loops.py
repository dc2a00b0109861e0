"""Toy step models for closed loops: constant and linear step times, and a simulated engine."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from planner.perf.spec import EngineLimits
from planner.perf.step import StepModel

PLENTY = 1e12


def toy_step(options=1, **times_s):
    """Return a model whose steps take the named times only, such as ``fixed_s=0.01``."""
    columns = {f.name: np.zeros(options) for f in fields(StepModel) if f.name != "draft"}
    columns |= {"overlap": np.ones(options), "window_tokens": np.full(options, 1e15)}
    columns |= {name: np.full(options, value) for name, value in times_s.items()}
    return StepModel(**columns)


def toy_engine(options=1, *, chunked=True, chunk=8192.0, seqs=PLENTY, request_s=0.0):
    return EngineLimits(
        is_chunked=np.full(options, chunked),
        chunk_tokens=np.full(options, chunk),
        max_num_seqs=np.full(options, seqs),
        request_s=np.full(options, request_s),
        state_tokens=np.zeros(options),
    )


@dataclass
class Client:
    sent_s: float
    left: int
    made: int = 0
    first_s: float = 0.0
    ttft_s: list = field(default_factory=list)
    tpot_s: list = field(default_factory=list)

    def send(self, now_s, isl):
        self.sent_s, self.left, self.made = now_s, isl, 0


def simulate_loop(step, engine, lengths, clients, requests):
    """Run a chunked engine step by step under a fixed number of clients; return its means.

    The first requests of every client are left out. Clients send their next request at once.
    """
    draw, room = lengths, float(engine.chunk_tokens[0])
    everyone = [Client(0.0, 0) for _ in range(clients)]
    for client in everyone:
        client.isl, client.osl = draw()
        client.send(0.0, client.isl)
    waiting, running, now_s, tokens = list(everyone), [], 0.0, 0
    started_s, skipped = 0.0, 3 * clients
    done = 0
    while done < requests + skipped:
        free, fresh, pairs, taken = room - len(running), 0.0, 0.0, []
        for client in waiting:
            part = min(client.left, free)
            if part <= 0:
                break
            taken.append((client, part))
            pairs += part * (client.isl - client.left + part / 2)
            free, fresh = free - part, fresh + part
        cached = sum(c.isl + c.made for c in running)
        now_s += float(step.time_s(fresh + len(running), cached, pairs, float(len(running)))[0])
        tokens += len(running)
        finished = _advance(now_s, taken, waiting, running)
        tokens += sum(1 for c, _ in taken if c.left <= 0)
        for client in finished:
            done += 1
            if done == skipped:
                started_s, tokens = now_s, 0
            if done > skipped:
                client.ttft_s.append(client.first_s - client.sent_s)
                client.tpot_s.append((now_s - client.first_s) / max(client.osl - 1, 1))
            client.isl, client.osl = draw()
            client.send(now_s, client.isl)
            waiting.append(client)
    return {
        "ttft_s": np.mean([t for c in everyone for t in c.ttft_s]),
        "tpot_s": np.mean([t for c in everyone for t in c.tpot_s]),
        "output_tokens_per_s": tokens / (now_s - started_s),
    }


def _advance(now_s, taken, waiting, running):
    for client in running:
        client.made += 1
    for client, part in taken:
        client.left -= part
        if client.left <= 0:
            waiting.remove(client)
            client.made, client.first_s = 1, now_s
            running.append(client)
    finished = [c for c in running if c.made >= c.osl]
    running[:] = [c for c in running if c.made < c.osl]
    return finished
