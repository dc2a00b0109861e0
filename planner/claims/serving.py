"""C4: continuous batching, prefix cache and sharding against a static batch.

The baseline is the best static batch on the fewest accelerators that hold the model, without a
prefix cache. A static batch starts together and ends with its longest output. With outputs drawn
from the histogram of the chatbot, of cumulative probability F::

    longest(B) = sum over lengths of osl_i (F_i^B - F_(i-1)^B)
    throughput(B) = B / end-to-end time of B requests of the mean prompt and longest(B)

Its largest batch is what the KV cache holds. A request waits for the batch before its own, which
takes longer than any limit of a chat, so the comparison is one of work that waits: the only one
in which there is a baseline at all. Continuous batching is how such work is planned.

The three improvements are the factors of a 2^3 design on ln(accelerators / throughput), which is a
cost per token on one kind of accelerator. Sharding is a free choice of tensor parallelism.
"""

from __future__ import annotations

from itertools import combinations
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from planner.claims.conditions import prices_of
from planner.claims.factorial import effects
from planner.claims.formats import spec_of
from planner.claims.judge import verdict_of
from planner.claims.records import (
    Band,
    Case,
    Change,
    Chart,
    Claim,
    Detail,
    Finding,
    Plans,
    Range,
    Series,
    TornadoRow,
)
from planner.perf.closed_loop import LoopParameters
from planner.perf.memory import memory_fit
from planner.perf.spec import engine_limits
from planner.perf.static_batch import static_batch
from planner.perf.step import step_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Calibration
    from planner.perf.spec import ReplicaSpec
    from planner.plan.document import Plan

_UNIT = "share of the cost per token saved by all three"
_CLAIMED = Band(0.3, 0.6)
_BATCHING, _CACHE, _SHARDING = _FACTORS = ("continuous batching", "prefix cache", "sharding")
_SETS = [frozenset(s) for n in range(4) for s in combinations(_FACTORS, n)]
_FORMAT, _FEWEST, _RANKS, _HIT_RATE = "fp8", 1, (1, 2, 4, 8), 0.2
_LENGTHS, _ISL_MEAN = "azure_2023_conversation", 1155.0
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def _case(*, cached: bool, sharded: bool) -> Case:
    ranks = list(_RANKS) if sharded else [_FEWEST]
    return Case("claims/chat_70b", "batched", ("time_blocks=1",)).changed(
        Change(
            "",
            (
                "candidates.hardware=[h200-sxm-141gb]",
                f"candidates.tensor_parallel={ranks}",
                f"workloads.chat.prefix_cache.hit_rate={_HIT_RATE if cached else 0.0}",
                "policy.confidence=0.5",
            ),
        )
    )


_CASES = {(c, s): _case(cached=c, sharded=s) for c in (False, True) for s in (False, True)}


def longest_of(lengths: Sequence[tuple[float, float]], batch: int) -> float:
    """Return the mean of the longest of `batch` draws.

    Parameters
    ----------
    lengths
        Tokens and their probability.
    batch
        Draws, >= 1.
    """
    tokens, weights = np.array(sorted(lengths)).T
    reached = np.cumsum(weights / weights.sum()) ** batch
    return float(tokens @ np.diff(reached, prepend=0.0))


def static_cost(
    spec: ReplicaSpec, outputs: Sequence[tuple[float, float]], hit_rate: float, share: float
) -> float:
    """Return accelerator-seconds per request of the best static batch.

    Parameters
    ----------
    spec
        The replica.
    outputs
        Tokens of outputs and their probability.
    hit_rate
        Share of a prompt that is not computed again.
    share
        Share of the modelled speed that a static batch reaches.
    """
    fit, step = memory_fit([spec], max_tokens_per_request=0.0), step_model([spec])
    costs = []
    for batch in _BATCHES:
        osl = longest_of(outputs, batch)
        if batch > 1 and batch * (_ISL_MEAN + osl) > fit.kv_capacity_tokens[0]:
            continue
        # A hit saves prompt work; the prompt is read from the cache all the same.
        prompt, context = _ISL_MEAN * (1.0 - hit_rate), _ISL_MEAN * hit_rate
        run = static_batch(
            step, engine_limits([spec]), LoopParameters(static=share), prompt, osl, float(batch)
        )
        more = step.time_s(batch, batch * context, 0.0, batch) - step.time_s(
            batch, 0.0, 0.0, batch
        )
        e2e_s = float(run.e2e_s[0]) + osl * float(np.ravel(more)[0]) / share
        costs.append(spec.devices * e2e_s / batch)
    return min(costs)


def continuous_cost(plan: Plan) -> float:
    """Return accelerator-seconds per request of the best option of a plan, at the median."""
    return min(
        row.tensor_parallel * row.pipeline_parallel / row.capacity_nominal_rps
        for row in plan.allocations
        if row.capacity_nominal_rps > 0.0
    )


def _costs(plans: Plans, catalog: Catalog, share: float) -> dict[frozenset[str], float]:
    outputs = [
        (row.osl_tokens, row.probability) for row in catalog.lengths if row.lengths == _LENGTHS
    ]
    found = {}
    for high in _SETS:
        hit_rate = _HIT_RATE if _CACHE in high else 0.0
        if _BATCHING in high:
            found[high] = continuous_cost(plans[_CASES[_CACHE in high, _SHARDING in high]])
            continue
        ranks = _RANKS if _SHARDING in high else (_FEWEST,)
        found[high] = min(
            static_cost(spec_of(catalog, _FORMAT, r), outputs, hit_rate, share) for r in ranks
        )
    return found


def _static(catalog: Catalog) -> Calibration:
    """Return the share of the modelled speed that static batches reach, with its spread."""
    return next(r for r in catalog.calibration if (r.parameter, r.key_id) == ("static", "vllm"))


def _test(plans: Plans, catalog: Catalog) -> Finding:
    if any(case not in plans or not plans[case].allocations for case in _CASES.values()):
        return Finding(None, None, "not_decidable", ("a plan of the test is missing",))
    known = _static(catalog)
    shares = {"low": known.low or known.value, "base": known.value, "high": known.high or 1.0}
    saved, tables = {}, {}
    for name, share in shares.items():
        tables[name] = _costs(plans, catalog, share)
        saved[name] = 1.0 - tables[name][frozenset(_FACTORS)] / tables[name][frozenset()]
    seen = Range(min(saved.values()), max(saved.values()))
    logs = {high: log(cost) for high, cost in tables["base"].items()}
    start = tables["base"][frozenset()]
    alone = {f: 1.0 - tables["base"][frozenset({f})] / start for f in _FACTORS}
    base = plans[_CASES[True, True]]
    return Finding(
        found=saved["base"],
        range=seen,
        verdict=verdict_of(_CLAIMED, seen),
        conditions=(
            "Llama-3.3-70B in fp8 on busy H200 with vLLM, lengths of a chat, 20 % prefix hits",
            "for work that waits: no static batch answers a chat within seconds",
            *(
                f"{'holds' if _CLAIMED.holds(s) else 'fails'} for {f} alone ({s:.3g})"
                for f, s in alone.items()
            ),
            *(("more is saved than is claimed",) if seen.low > (_CLAIMED.high or 1.0) else ()),
            prices_of([base]),
        ),
        details=tuple(
            Detail(" and ".join(sorted(chosen)), exp(effect), "times the cost", "effect")
            for chosen, effect in effects(_FACTORS, logs).items()
        ),
        tornado=(
            TornadoRow(
                "speed that static batches reach",
                f"{shares['low']:.2g}",
                saved["low"],
                f"{shares['high']:.2g}",
                saved["high"],
            ),
        ),
        chart=_chart(tables["base"]),
    )


def _chart(table: dict[frozenset[str], float]) -> Chart:
    base = table[frozenset()]
    order = sorted(_SETS, key=lambda s: (len(s), sorted(s)))
    points = tuple((float(n), table[chosen] / base) for n, chosen in enumerate(order))
    label = "; ".join(f"{n} {', '.join(sorted(c)) or 'static batch'}" for n, c in enumerate(order))
    edges = tuple(1.0 - edge for edge in _CLAIMED.edges)
    return Chart(label, "times the cost of a static batch", (Series("cost", points),), edges)


C4 = Claim(
    "C4",
    "Batching, KV-cache optimisation and sharding cut cost per token by 30-60 %",
    "30-60 % less",
    _UNIT,
    tuple(_CASES.values()),
    _test,
    base=tuple(_CASES.values()),
)
