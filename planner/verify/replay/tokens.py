"""Requests that a plan buys as tokens: nothing to simulate, only latencies that are stated.

Tokens of an offer that states latencies count as served with these: a stated p99 covers lower
percentiles and the mean. The way to the provider and back comes on top. A limit on anything else,
or an offer that states none, is left open, and so is what comes out of provisioned units.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.problem.escalation import first_slo, then_slo
from planner.verify.audit.packing import round_trip_due_ms
from planner.verify.replay.records import NotReplayed

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import ApiRow, Plan
    from planner.problem.schema import Problem, Slo

_STATED_PERCENTILE = 99.0
_TTFT = "ttft_ms"
_STATED = {_TTFT: "ttft_p99_ms", "tpot_ms": "tpot_p99_ms"}


def token_promises(
    plan: Plan, problem: Problem, catalog: Catalog
) -> tuple[list[NotReplayed], dict[str, list[str]]]:
    """Return what tokens leave open, and by workload the limits that stated latencies exceed.

    Parameters
    ----------
    plan, problem, catalog
        The plan, the problem it answers, and the offers.
    """
    left_open: dict[tuple[str, str], NotReplayed] = {}
    broken: dict[str, list[str]] = defaultdict(list)
    for row in plan.api:
        if row.is_deferred or row.planned_rate_rps <= 0:
            continue
        for slo in _limits(problem, row):
            stated = _stated_ms(row, slo, catalog)
            way_ms = round_trip_due_ms(problem, row.provider, "") if slo.metric == _TTFT else 0.0
            if stated is None:
                reason = f"nothing is stated that {slo.metric} at {slo.percentile} follows from"
                item = NotReplayed(row.workload, f"tokens of {row.offer_id}", reason)
                left_open.setdefault((row.workload, row.offer_id), item)
            elif stated + way_ms > slo.limit:
                way = f" and {way_ms:g} ms are on the way" if way_ms else ""
                text = (
                    f"{row.offer_id} states {stated:g} ms for {slo.metric}{way}, promised "
                    f"{slo.limit:g} ms"
                )
                if text not in broken[row.workload]:
                    broken[row.workload].append(text)
    return list(left_open.values()), dict(broken)


def _limits(problem: Problem, row: ApiRow) -> list[Slo]:
    """Return the limits of the requests of a row, which may be for an answer of a chain."""
    workload = problem.workload(row.workload)
    if row.answer:
        return first_slo(workload) if row.answer == "first" else then_slo(workload)
    return workload.slo


def _stated_ms(row: ApiRow, slo: Slo, catalog: Catalog) -> float | None:
    """Return the longest stated latency that a limit can be held against, ``None`` without one."""
    if slo.metric not in _STATED:
        return None
    if slo.percentile != "mean" and slo.percentile > _STATED_PERCENTILE:
        return None
    offers = [offer for offer in catalog.api_offers if offer.offer_id == row.offer_id]
    stated: list[float | None] = [getattr(offer, _STATED[slo.metric]) for offer in offers]
    known = [value for value in stated if value is not None]
    return max(known) if known and len(known) == len(stated) else None
