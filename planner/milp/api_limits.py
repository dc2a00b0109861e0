"""Constraint family of rate limits: what an account may send to a provider of tokens in a minute.

Limits bind on the planned rate, the highest minute that is planned for, and count all workloads
that use the offers together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.model import LE, Priced, Terms
from planner.milp.naming import api_limit_label
from planner.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.milp.model import Model
    from planner.milp.records import ApiLimit, Limits
    from planner.options.records import OptionSet
    from planner.options.supply_records import ApiOption
    from planner.plan.records import Decisions

_TOLERANCE = 1e-6


def add_api_limits(model: Model) -> None:
    """Send no more than allowed: ``sum over w, i of 60 tokens[w,i] a[w,i,t,b] <= per_minute``.

    `tokens` are those of a mean request that the limit counts, 1 for a limit on requests. Rows are
    in shares of the limit.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for j, limit in enumerate(sets.limits.api_limits):
        rows: dict[tuple[int, int], Terms] = {}
        for (i, t, b), flow in model.a.items():
            api = sets.options.api[i]
            amount = per_minute_of_rps(limit, api, t)
            if amount > 0:
                unit_rps = float(sets.rate_unit_rps[position[api.workload]])
                rows.setdefault((t, b), {})[flow] = amount * unit_rps / limit.per_minute
        for (t, b), terms in rows.items():
            model.row(f"apilimit_{j}_{t}_{b}", terms, LE, 1.0)
        weights = {f"apilimit_{j}_{t}_{b}": 1.0 / limit.per_minute for t, b in rows}
        unit = f"{limit.measure.replace('_', ' ')}/minute"
        model.priced.append(Priced("api_limit", api_limit_label(limit), unit, weights))


def per_minute_of_rps(limit: ApiLimit, api: ApiOption, period: int) -> float:
    """Return what one request/s of an API counts against a limit in a minute, 0 if nothing.

    Parameters
    ----------
    limit
        The limit.
    api
        The API option.
    period
        Period, counted from 0; tokens are those at its dearer end.
    """
    same = limit.model in {None, api.model} and limit.mode == api.mode
    if api.provider != limit.provider or not same:
        return 0.0
    tokens = api.planned_tokens_at(period)
    counted = {
        "requests": 1.0,
        "tokens": tokens.input + tokens.output,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
    }
    return SECONDS_PER_MINUTE * counted[limit.measure]


def exceeded_by(
    limits: Limits, api: ApiOption, planned_rps: float, period: int
) -> ApiLimit | None:
    """Return a limit that an API alone exceeds at a planned rate, ``None`` without one.

    Parameters
    ----------
    limits
        Limits of the program.
    api
        The API option.
    planned_rps
        Requests/s.
    period
        Period, counted from 0.
    """
    over = (
        limit
        for limit in limits.api_limits
        if per_minute_of_rps(limit, api, period) * planned_rps
        > limit.per_minute * (1 + _TOLERANCE)
    )
    return next(over, None)


def api_limit_faults(options: OptionSet, limits: Limits, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for every rate limit that decisions exceed.

    Parameters
    ----------
    options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    known = {(api.id, api.workload): api for api in options.api}
    for limit in limits.api_limits:
        sent: dict[tuple[int, int], float] = {}
        for flow in decisions.api_flows:
            api = known.get((flow.supply_id, flow.workload))
            amount = 0.0
            if api is not None:
                amount = per_minute_of_rps(limit, api, flow.period) * flow.planned_rps
            sent[flow.period, flow.block] = sent.get((flow.period, flow.block), 0.0) + amount
        for (t, b), amount in sent.items():
            if amount > limit.per_minute * (1 + _TOLERANCE):
                yield f"{amount:g} of {api_limit_label(limit)} in period {t}, block {b}"
