"""What the rent that commitments are held against leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.quotas import is_under_quota, quota_in_words

if TYPE_CHECKING:
    from planner.options.records import OptionSet
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

JOINER = " + "
"""Between offers that are rented together."""


def rent_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return a note for every quota that counts several offers of an alternative together.

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
        for quota in problem.supply.quotas:
            mine = [o.offer_id for o in offers if is_under_quota(o, quota)]
            if len(mine) > 1:
                notes.append(
                    f"{row.offer_id}: the rent that it is held against takes what the quota of "
                    f"{quota_in_words(quota)} leaves for each of {', '.join(mine)} alone, not for "
                    "all of them together (`--commitments` solves what doing without it costs)"
                )
    return list(dict.fromkeys(notes))
