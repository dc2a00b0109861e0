"""Quotas on accelerators that no plan can hold, so that nothing counts against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.left_out import why_left_out
from planner.options.quotas import is_under_quota, quota_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.options.records import NodeOffer, OptionSet
    from planner.problem.schema import Problem
    from planner.problem.supply import Quota


def idle_quotas(
    problem: Problem, catalog: Catalog, nodes: Sequence[NodeOffer], found: OptionSet
) -> Iterator[str]:
    """Yield a sentence for every quota that no nodes of the program count against.

    Parameters
    ----------
    problem
        The problem, for its quotas and candidates.
    catalog
        Offers of nodes.
    nodes
        Nodes that may be had, whether or not an option runs on them.
    found
        Those that an option runs on, and why others are left out.
    """
    for k, quota in enumerate(problem.supply.quotas):
        if not any(is_under_quota(node, quota) for node in found.offers):
            why = _why_none(quota, problem, catalog, nodes, found)
            yield f"supply.quotas.{k} ({quota_in_words(quota)}) changes no plan: {why}"


def _why_none(
    quota: Quota,
    problem: Problem,
    catalog: Catalog,
    nodes: Sequence[NodeOffer],
    found: OptionSet,
) -> str:
    candidates = problem.candidates.hardware
    if candidates and quota.hardware not in candidates:
        return f"{quota.hardware} is no candidate; see candidates.hardware"
    if any(is_under_quota(node, quota) for node in nodes):
        return f"nothing that is asked for runs on {quota.hardware}; see planner options"
    listed = {
        offer.offer_id
        for offer in catalog.offers
        if catalog.resolve_accelerator(offer.accelerator) == quota.hardware
        and quota.provider in {None, offer.provider}
        and quota.region in {None, offer.region}
    }
    return why_left_out(listed, found.rejections, "no such nodes are on offer")
