"""C15: a mix of owned, rented and bought beside the best pure strategy.

The mix is never dearer than a pure strategy, because each of those is a restriction of it. What
counts is how much it saves beyond what gaps can explain, and after what an additional provider and
an additional way of paying cost to run::

    saving = (bound of the best pure strategy - cost of the mix - overhead) / bound
    overhead = overhead_usd_per_month x months x (providers + tenures of the mix - 2)

Pure strategies are to own all, to rent all (by the hour or reserved, whatever is cheaper) and to
buy all tokens; the best of them is taken at its bound and without an overhead of its own. The
claim is tested without tokens, whose latency nobody promises, and with them, and over draws of
prices and demand.

Two larger problems stand beside it. Without residency finance_onprem grows by 12 % a quarter while
rents fall by 20 % a year: renting by the hour is the strongest of its pure strategies. In
two_year_budget, where tokens are believed to keep the limits and rents stay above them, that is
tokens. Both are in half-years here, and replicas of the second on 1 or 8 accelerators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.conditions import prices_of, with_others
from planner.claims.inputs import confidence, price_of_tenure, requests_per_day
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
from planner.claims.study import Input, Study

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_STUDY = Study(
    roles={"mix": _MIX, **_PURE},
    figure=lambda costs: 1.0 - costs["mix"] / min(costs[name] for name in _PURE),
    inputs=(
        confidence(),
        price_of_tenure("on_demand", 0.8, 1.5),
        price_of_tenure("reserved_3y", 0.8, 1.5),
        Input(
            "requests of analysts a day",
            requests_per_day("analysts", 300_000),
            requests_per_day("analysts", 1_200_000),
        ),
    ),
)
"""What is solved; savings are worked out with bounds and overheads, which its figure has not."""
_HALF_YEARS = (
    "horizon.periods=6",
    "horizon.months_per_period=6",
    *(
        f"workloads.{name}.growth_per_period={1.12**2:.4f}"
        for name in ("analysts-home", "analysts-any", "filings")
    ),
)


def _tenures(case: Case, *names: str) -> Case:
    return case.changed(Change("", (f"supply.tenures=[{', '.join(names)}]",)))


_FINANCE = Case("finance_onprem", "no_residency", _HALF_YEARS)
_BUDGET = Case(
    "two_year_budget",
    None,
    (
        "horizon.periods=4",
        "horizon.months_per_period=6",
        "limits.budget_usd_per_period=2_400_000",
        "candidates.tensor_parallel=[1, 8]",
        f"workloads.chat.growth_per_period={1.10**2:.4f}",
        f"workloads.reasoning.growth_per_period={1.45**2:.4f}",
        f"workloads.reasoning.length_growth_per_period.osl={1.05**2:.4f}",
        f"workloads.docs.growth_per_period={1.05**2:.4f}",
    ),
)
_LARGER = {
    "finance_onprem without residency": (
        _tenures(_FINANCE, "on_demand", "reserved_1y", "reserved_3y", "owned"),
        _tenures(_FINANCE, "on_demand"),
    ),
    "two_year_budget with tokens": (_BUDGET, _tenures(_BUDGET, "api")),
}
"""The mix, and its strongest pure strategy."""


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
        for i in _STUDY.inputs
    ]
    drawn = _known(_saving(plans, c, _OVERHEAD_USD) for c in _STUDY.joint_changes())
    values = [found, *drawn, *_known(end for row in tornado for end in (row.low, row.high))]
    seen = Range(min(values), max(values))
    larger = _larger(plans)
    curve = tuple(
        (usd, saving) for usd in _OVERHEADS if (saving := _saving(plans, None, usd)) is not None
    )
    with_tokens = _with_tokens(plans)
    others = [y for _, y in curve] + _known([with_tokens]) + [y for _, y in larger]
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
            *with_others(_CLAIMED, found, larger),
            *(
                ()
                if with_tokens is None
                else (
                    f"with tokens whose latency nobody promises the mix saves {with_tokens:.3g}",
                )
            ),
        ),
        details=(*_pure_costs(plans), *(Detail(f"saved in {n}", v, "share") for n, v in larger)),
        tornado=tuple(sorted(tornado, key=lambda row: -row.swing)),
        joint=Range(min(drawn), max(drawn)) if drawn else None,
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


def _larger(plans: Plans) -> list[tuple[str, float]]:
    """Return what the mix of every larger problem saves, without those that have no plan."""
    found = []
    for name, (mix, pure) in _LARGER.items():
        if mix in plans and pure in plans:
            saved = saving_of_mix(plans[mix], [plans[pure]], _OVERHEAD_USD)
            found += [] if saved is None else [(name, saved)]
    return found


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


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
        *_STUDY.cases,
        _ALL,
        _TOKENS,
        *(case for pair in _LARGER.values() for case in pair),
    ),
    _test,
    base=(_MIX, *_PURE.values()),
)
