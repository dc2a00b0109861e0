"""Rate limits of tokens that are not on offer, so that nothing counts against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.left_out import why_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer
    from planner.options.records import OptionSet
    from planner.options.supply_records import ApiOption
    from planner.problem.schema import Problem
    from planner.problem.supply import ApiLimit


def idle_rate_limits(problem: Problem, catalog: Catalog, found: OptionSet) -> Iterator[str]:
    """Yield a sentence for every rate limit that no tokens on offer count against.

    Parameters
    ----------
    problem
        The problem; where it asks for no tokens at all, that is told apart.
    catalog
        Offers of tokens.
    found
        Those on offer, and why others are not.
    """
    if "api" not in problem.supply.tenures:
        return
    for k, limit in enumerate(problem.supply.api_limits):
        if any(_counts(limit, option) for option in found.api):
            continue
        sold = {offer.offer_id for offer in catalog.api_offers if _counts(limit, offer)}
        of = f"{limit.mode} tokens of {limit.provider} {limit.model or ''}".strip()
        none = "its model is no candidate; see candidates.models" if sold else "nobody sells them"
        why = why_left_out(sold, found.rejections, none)
        yield f"supply.api_limits.{k} ({of}) changes no plan: {why}"


def _counts(limit: ApiLimit, offer: ApiOffer | ApiOption) -> bool:
    """Return whether what is sent to an offer counts against a limit."""
    same = limit.model in {None, offer.model} and limit.mode == offer.mode
    return same and limit.provider == offer.provider
