"""C14: which share of operating cost is inference, beside a budget for training and tuning.

The share depends on a budget that no plan decides, so the budget is the condition::

    share = inference / (inference + budget)         both USD a month

Budgets, all assumed: one model tuned and refreshed (25,000 USD once and 6,000 USD a quarter), a
group that fine-tunes all the time (50,000 USD a month) and one that trains a model of its own
(1,000,000 USD a month).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.claims.conditions import gaps_text, setting
from planner.claims.inputs import confidence, peak_factor, price_of, requests_per_day
from planner.claims.judge import break_evens_within
from planner.claims.records import Band, Case, Chart, Claim, Finding, Plans, Series
from planner.claims.study import Costs, Curve, Study, curve_of, judged

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.catalog.load import Catalog

_UNIT = "share of operating cost"
_CLAIMED = Band(0.7, 0.9)
_TUNING = "one model, tuned and refreshed"
_BUDGETS = {
    _TUNING: (25_000 + 4 * 6_000) / 12,
    "fine-tuning all the time": 50_000.0,
    "training a model": 1_000_000.0,
}
"""USD a month."""
_VOLUMES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_CASE = Case("claims/chat_70b")


def share_with(budget_usd_per_month: float) -> Callable[[Costs], float]:
    """Return the share of inference beside a budget, from its cost of one month."""

    def share(costs: Costs) -> float:
        return costs["inference"] / (costs["inference"] + budget_usd_per_month)

    return share


_STUDY = Study(
    roles={"inference": _CASE},
    figure=share_with(_BUDGETS[_TUNING]),
    inputs=(confidence(), peak_factor("chat"), price_of("mi300x-192gb", 0.8, 1.25)),
)
_SWEPT = {v: _CASE.changed(requests_per_day("chat", v)) for v in _VOLUMES}


def _test(plans: Plans, _: Catalog) -> Finding:
    curves = [
        curve_of(
            plans,
            f"{name} ({usd:,.0f} USD a month)",
            {float(v): {"inference": case} for v, case in _SWEPT.items()},
            share_with(usd),
            is_log_x=True,
        )
        for name, usd in _BUDGETS.items()
    ]
    base = _STUDY.plan(plans, "inference")
    found = judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_UNIT,
        conditions=setting(base),
        others=[(f"{s.name}, at {x:,.0f} a day", y) for s in curves for x, y in s.points],
    )
    return with_budgets(found, curves)


def with_budgets(finding: Finding, curves: list[Curve]) -> Finding:
    """Return a finding whose conditions are budgets and the volumes at which the share crosses."""
    crossed = tuple(
        f"{curve.name}: {at.edge:.0%} of the cost from {at.place:,.0f} requests a day"
        + gaps_text(at)
        for curve in curves
        for at in break_evens_within(_CLAIMED, curve.points, curve.margins, is_log_x=True)
    )
    kept = tuple(text for text in finding.conditions if " a month), at " not in text)
    series = tuple(Series(curve.name, curve.points) for curve in curves)
    chart = Chart("requests per day", _UNIT, series, _CLAIMED.edges, is_log_x=True)
    return replace(finding, conditions=(*kept, *crossed), details=(), chart=chart)


C14 = Claim(
    "C14",
    "Inference becomes 70-90 % of the operating cost of AI",
    "70-90 %",
    _UNIT,
    tuple(dict.fromkeys((*_STUDY.cases, *_SWEPT.values()))),
    _test,
    base=tuple(_STUDY.roles.values()),
)
