"""C1: compute, memory bandwidth, limits on latency and model size, and how they compound.

All 16 combinations of two levels of each are solved for one workload on one accelerator, at three
levels of confidence in the performance model. Main effects are in the logarithm of the cost::

    main effect of ln(cost) 0.69: the high level doubles the cost

Factors compound when each of them multiplies the cost whatever the others are, so their logarithms
add up; interactions say how far they do not. An effect is only told apart from nothing when it is
larger than the gaps of the solves can make it: the mean over all runs of ``ln(cost / bound)``.
"""

from __future__ import annotations

from itertools import combinations
from math import exp, log
from typing import TYPE_CHECKING

from planner.catalog.scale import Selection
from planner.claims.conditions import prices_of
from planner.claims.factorial import effects
from planner.claims.records import (
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

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.claims.records import Verdict

_ON = ("id=h200-sxm-141gb",)
_HIGH = {
    "half the compute": Change(
        "x0.5",
        factors=tuple(
            (Selection("accelerators", _ON, column), 0.5)
            for column in ("bf16_tflops", "fp8_tflops")
        ),
    ),
    "half the bandwidth": Change(
        "x0.5", factors=((Selection("accelerators", _ON, "bandwidth_gb_per_s"), 0.5),)
    ),
    "tighter limits": Change(
        "500 and 60 ms",
        ("workloads.chat.slo.0.limit=500", "workloads.chat.slo.1.limit=60"),
    ),
    "70B for 8B": Change("70B", ("candidates.models=[llama-3.3-70b-instruct]",)),
}
"""The dearer level of every factor."""
_NAMES = tuple(_HIGH)
_SETS = [frozenset(s) for n in range(len(_NAMES) + 1) for s in combinations(_NAMES, n)]
_CONFIDENCES = (0.8, 0.5, 0.95)
_BASE = Case(
    "claims/chat_70b",
    None,
    (
        "time_blocks=4",
        "candidates.hardware=[h200-sxm-141gb]",
        "candidates.models=[llama-3.1-8b-instruct]",
        "workloads.chat.arrival.requests_per_day=5_000_000",
    ),
)
_UNIT = "least main effect on ln(cost)"


def _case(high: frozenset[str], confidence: float) -> Case:
    case = _BASE.changed(Change("", (f"policy.confidence={confidence}",)))
    for name in _NAMES:
        case = case.changed(_HIGH[name]) if name in high else case
    return case


_CASES = {(c, high): _case(high, c) for c in _CONFIDENCES for high in _SETS}


def _test(plans: Plans, _: Catalog) -> Finding:
    known = {c: _logs(plans, c) for c in _CONFIDENCES}
    solved = {c: logs for c, logs in known.items() if logs is not None}
    if _CONFIDENCES[0] not in solved:
        return Finding(None, None, "not_decidable", ("a plan of the test is missing",))
    by_confidence = {c: effects(_NAMES, logs) for c, logs in solved.items()}
    margin = max(_margin(plans, c) for c in solved)
    base = by_confidence[_CONFIDENCES[0]]
    ranges = {
        chosen: Range(
            min(e[chosen] for e in by_confidence.values()) - margin,
            max(e[chosen] for e in by_confidence.values()) + margin,
        )
        for chosen in base
    }
    mains = [frozenset({name}) for name in _NAMES]
    least = min(mains, key=lambda m: base[m])
    missing = sorted(next(iter(m)) for m in mains if ranges[m].low <= 0.0)
    return Finding(
        found=base[least],
        range=ranges[least],
        verdict=verdict_of_effects([ranges[m] for m in mains]),
        conditions=(
            "5,000,000 chats a day in fp8 on H200, rented by the hour; p99 limits of 2,000 and "
            "200 ms, or 500 and 60 ms",
            prices_of([plans[_CASES[_CONFIDENCES[0], _SETS[0]]]]),
            *(f"{name} alone is not told apart from no effect" for name in missing),
        ),
        details=_details(base, ranges),
        tornado=tuple(
            TornadoRow(next(iter(m)), "low", 0.0, "high", base[m])
            for m in sorted(mains, key=lambda m: -abs(base[m]))
        ),
        chart=Chart(
            "factor: " + ", ".join(f"{n} {name}" for n, name in enumerate(_NAMES, 1)),
            "main effect on ln(cost)",
            (Series("main effect", tuple((float(n), base[m]) for n, m in enumerate(mains, 1))),),
            (0.0,),
        ),
    )


def verdict_of_effects(mains: list[Range]) -> Verdict:
    """Return whether every factor raises the cost: all, some, or none of the ranges above 0."""
    raising = [r.low > 0.0 for r in mains]
    if all(raising):
        return "holds"
    return "holds_when" if any(raising) else "does_not_hold"


def _details(
    base: dict[frozenset[str], float], ranges: dict[frozenset[str], Range]
) -> tuple[Detail, ...]:
    shown = [
        chosen for chosen, r in ranges.items() if len(chosen) == 1 or r.low > 0.0 or r.high < 0.0
    ]
    return tuple(
        Detail(
            " and ".join(sorted(chosen)),
            exp(base[chosen]),
            "times the cost",
            f"{exp(ranges[chosen].low):.2f} to {exp(ranges[chosen].high):.2f}"
            + ("" if len(chosen) == 1 else "; interaction"),
        )
        for chosen in shown
    )


def _logs(plans: Plans, confidence: float) -> dict[frozenset[str], float] | None:
    found = {}
    for high in _SETS:
        plan = plans.get(_CASES[confidence, high])
        if plan is None or plan.cost_usd is None:
            return None
        found[high] = log(plan.cost_usd)
    return found


def _margin(plans: Plans, confidence: float) -> float:
    """Return how far the gaps may move an effect: 2/2^n times the sum of half of all of them."""
    gaps = []
    for high in _SETS:
        plan = plans[_CASES[confidence, high]]
        cost, bound = plan.cost_usd, plan.bound_usd
        gaps.append(log(cost / bound) if cost and bound else 0.0)
    return sum(gaps) / len(gaps)


C1 = Claim(
    "C1",
    "Inference cost is compute, bandwidth, latency and model size, and they compound",
    "every factor raises it",
    _UNIT,
    tuple(_CASES.values()),
    _test,
    base=tuple(_CASES[_CONFIDENCES[0], high] for high in _SETS),
)
