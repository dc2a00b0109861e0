"""C15: a mix of owned, rented and bought beside the best pure strategy.

The mix is never dearer than a pure strategy, because each of those is a restriction of it. What
counts is how much it saves beyond what gaps can explain, and after what an additional provider and
an additional way of paying cost to run::

    saving = (bound of the best pure strategy - cost of the mix - overhead) / bound
    overhead = overhead_usd_per_month x months x (providers + tenures of the mix - 2)

Pure strategies are to own all, to rent all (by the hour or reserved, whatever is cheaper) and to
buy all tokens; the best of them is taken at its bound and without an overhead of its own. The
claim is tested without tokens, whose latency nobody promises, and with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.conditions import prices_of
from planner.claims.inputs import confidence, price_of_tenure
from planner.claims.judge import break_evens, verdict_of
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

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Plan

_PROBLEM = "claims/own_or_rent"
_UNIT = "share of the best pure strategy saved"
_CLAIMED = Band(0.02, None)
"""More than the gap that is asked for."""
_OVERHEAD_USD = 2_000.0
"""Assumed, USD a month for each further provider and tenure: contracts, images, monitoring."""
_OVERHEADS = (0.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0)
_MIX = Case(_PROBLEM, "without_tokens")
_ALL = Case(_PROBLEM)
_PURE = {name: Case(_PROBLEM, name) for name in ("owned", "rented_by_the_hour", "reserved")}
_TOKENS = Case(_PROBLEM, "tokens")
_INPUTS = (
    confidence(),
    price_of_tenure("on_demand", 0.8, 1.5),
    price_of_tenure("reserved_3y", 0.8, 1.5),
)
_CHANGES = [None, *(end for i in _INPUTS for end in (i.low, i.high))]


def saving_of_mix(mix: Plan, pure: list[Plan], overhead_usd_per_month: float) -> float | None:
    """Return the saving of a mix beside the best pure strategy, ``None`` without any.

    Parameters
    ----------
    mix
        The plan that may use everything.
    pure
        Plans of the pure strategies that have one. Each is a mix too, which counts where the
        other one, within the gap of its solve or for its contracts, costs more.
    overhead_usd_per_month
        For each provider and tenure beyond the first of each.
    """
    bounds = [plan.bound_usd for plan in pure if plan.bound_usd is not None]
    if not bounds:
        return None
    costs = [_with_overhead(plan, overhead_usd_per_month) for plan in (mix, *pure)]
    return 1.0 - min(costs) / min(bounds)


def _with_overhead(plan: Plan, overhead_usd_per_month: float) -> float:
    horizon = plan.problem["horizon"]
    months: int = horizon["periods"] * horizon["months_per_period"]
    overhead = overhead_usd_per_month * months * further_contracts(plan)
    return (plan.cost_usd or 0.0) + overhead


def further_contracts(plan: Plan) -> int:
    """Return the providers and tenures of a plan beyond the first of each."""
    nodes = {(row.provider, row.tenure) for row in plan.fleet if row.nodes}
    nodes |= {(row.provider, "api") for row in plan.api}
    providers, tenures = {p for p, _ in nodes}, {t for _, t in nodes}
    return max(len(providers) - 1, 0) + max(len(tenures) - 1, 0)


def _saving(plans: Plans, change: Change | None, overhead: float) -> float | None:
    mix = plans.get(_changed(_MIX, change))
    pure = [plans[c] for case in _PURE.values() if (c := _changed(case, change)) in plans]
    return None if mix is None else saving_of_mix(mix, pure, overhead)


def _changed(case: Case, change: Change | None) -> Case:
    return case if change is None else case.changed(change)


def _test(plans: Plans, _: Catalog) -> Finding:
    found = _saving(plans, None, _OVERHEAD_USD)
    if found is None:
        return Finding(None, None, "not_decidable", ("a plan of the test is missing",))
    tornado = [
        TornadoRow(
            i.name,
            i.low.label,
            _saving(plans, i.low, _OVERHEAD_USD),
            i.high.label,
            _saving(plans, i.high, _OVERHEAD_USD),
        )
        for i in _INPUTS
    ]
    values = [found, *(v for row in tornado for v in (row.low, row.high) if v is not None)]
    seen = Range(min(values), max(values))
    curve = tuple(
        (usd, saving) for usd in _OVERHEADS if (saving := _saving(plans, None, usd)) is not None
    )
    with_tokens = _with_tokens(plans)
    others = [y for _, y in curve] + ([] if with_tokens is None else [with_tokens])
    mix = plans[_MIX]
    used = sorted({f"{r.tenure} of {r.provider}" for r in mix.fleet if r.nodes})
    return Finding(
        found=found,
        range=seen,
        verdict=verdict_of(_CLAIMED, seen, others),
        conditions=(
            f"the mix is {', '.join(used)}",
            f"{further_contracts(mix)} further contracts at {_OVERHEAD_USD:,.0f} USD a month each",
            "p99 of 1,500 ms to the first token and 60 ms per token; filings wait 12 h",
            prices_of([mix]),
            *(
                f"falls below 2 % at {usd:,.0f} USD a month for each further contract"
                for usd, _ in break_evens(_CLAIMED, curve)
            ),
            *_flips(tornado),
            *(
                ()
                if with_tokens is None
                else (
                    f"with tokens whose latency nobody promises the mix saves {with_tokens:.3g}",
                )
            ),
        ),
        details=_pure_costs(plans),
        tornado=tuple(sorted(tornado, key=lambda row: -row.swing)),
        chart=Chart(
            "USD a month for each further contract",
            _UNIT,
            (Series("saved by the mix", curve),),
            _CLAIMED.edges,
        ),
    )


def _flips(tornado: list[TornadoRow]) -> list[str]:
    return [
        f"fails at {row.name} {label} ({value:.3g})"
        for row in tornado
        for label, value in ((row.low_label, row.low), (row.high_label, row.high))
        if value is not None and not _CLAIMED.holds(value)
    ]


def _with_tokens(plans: Plans) -> float | None:
    mix, tokens = plans.get(_ALL), plans.get(_TOKENS)
    pure = [plans[case] for case in _PURE.values() if case in plans]
    if mix is None or tokens is None:
        return None
    return saving_of_mix(mix, [*pure, tokens], _OVERHEAD_USD)


def _pure_costs(plans: Plans) -> tuple[Detail, ...]:
    cases = {"mix": _MIX, **_PURE, "tokens (latency assumed)": _TOKENS}
    return tuple(
        Detail(f"cost of {name}", plans[case].cost_usd, "USD discounted over 3 years")
        for name, case in cases.items()
        if case in plans
    )


C15 = Claim(
    "C15",
    "Hybrid beats pure: own the base, rent the peaks, buy tokens for the tail",
    "any saving (over 2 %)",
    _UNIT,
    (
        *(_changed(case, change) for change in _CHANGES for case in (_MIX, *_PURE.values())),
        _ALL,
        _TOKENS,
    ),
    _test,
    base=(_MIX, *_PURE.values()),
)
