"""What the rent that commitments are held against leaves out, where that may matter."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.quotas import is_under_quota, quota_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

JOINER = " + "
"""Between offers that are paid together."""
_NEARLY_ALL = 1.0 - 1e-6
"""Used share of a promise from which on it has no room."""
_SOLVES = "(`--commitments` solves what doing without it costs)"


def rent_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return what the alternatives of commitments leave out.

    Parameters
    ----------
    plan
        The plan, with the figures of its commitments.
    problem
        The problem, for its quotas.
    options
        What is on offer.
    """
    by_id = {offer.offer_id: offer for offer in options.offers}
    notes = []
    for row in plan.commitment_figures:
        named = (row.alternative_offer_id or "").split(JOINER)
        offers = [by_id[name] for name in named if name in by_id]
        left_out = (*_quotas(offers, problem), *_promises(offers, plan, options))
        notes += [
            f"{row.offer_id}: the rent it is held against {what} {_SOLVES}" for what in left_out
        ]
    return list(dict.fromkeys(notes)) + _tiers(plan)


def _quotas(offers: list[NodeOffer], problem: Problem) -> Iterator[str]:
    """Yield the quotas that count several offers of an alternative together."""
    for quota in problem.supply.quotas:
        mine = [o.offer_id for o in offers if is_under_quota(o, quota)]
        if len(mine) > 1:
            yield (
                f"takes what the quota of {quota_in_words(quota)} leaves for each of "
                f"{', '.join(mine)} alone, not for all of them together"
            )


def _promises(offers: list[NodeOffer], plan: Plan, options: OptionSet) -> Iterator[str]:
    """Yield the promises that could cover some of an alternative, and are not counted on."""
    known = {spend.id: spend for spend in options.spend}
    for row in plan.spend_commitments:
        spend = known.get(row.commitment_id)
        if spend is None or row.used_share >= _NEARLY_ALL:
            continue
        if any(o.offer_id in {name for name, _ in spend.rates} for o in offers):
            yield f"leaves out that {row.commitment_id} has room for some of it"


def _tiers(plan: Plan) -> list[str]:
    """Return terms that start together and reach a volume tier that some would lose."""
    together: dict[tuple[str | None, int], int] = defaultdict(int)
    for row in plan.commitments:
        together[row.volume_discount, row.start_period] += row.nodes
    return [
        f"{row.offer_id} from {row.start_month}: its break-even and price fall leave out that "
        f"without it the others of volume discount {row.volume_discount} fall below "
        f"{row.tier_from_nodes} nodes and pay more {_SOLVES}"
        for row in plan.commitments
        if row.volume_discount is not None
        and row.tier_from_nodes is not None
        and row.nodes
        < together[row.volume_discount, row.start_period]
        < row.tier_from_nodes + row.nodes
    ]
