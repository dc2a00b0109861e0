"""The same options under one restriction: a hardware type, bf16 or one tenure only, no tokens.

Options that another one dominated come back when the dominating one falls away, so a restriction
starts from everything that is feasible.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.held import sunk
from planner.options.prune import prune

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.options.records import NodeOffer, Option, OptionSet
    from planner.options.supply_records import ApiOption, ProvisionedUnits, SpendCommitment


def restrict(
    options: OptionSet,
    keep: Callable[[Option], bool],
    *,
    tokens: bool,
    same_model_only: bool,
    tenures: frozenset[str] | None = None,
) -> OptionSet:
    """Return the option set with the options that `keep` accepts.

    Parameters
    ----------
    options, keep
        The options, and which of them stay.
    tokens
        Whether API options stay.
    same_model_only
        As in :func:`planner.options.prune.prune`.
    tenures
        Tenures of nodes that stay, without new spend commitments; ``None`` for all. What is there
        already, or was decided before, always stays.
    """
    feasible = [o for o in (*options.options, *options.dominated) if keep(o)]
    ids = {o.id for o in feasible}
    capacities = [c for c in options.capacities if c.option_id in ids]
    kept, pruned = prune(feasible, capacities, same_model_only=same_model_only)
    winners = {o.id for o in kept}
    hardware = {o.hardware for o in kept}
    return replace(
        options,
        options=tuple(kept),
        capacities=tuple(capacities),
        dominated=tuple(o for o in feasible if o.id not in winners),
        offers=tuple(
            left
            for o in options.offers
            if (left := o if _stays(o, hardware, tenures) else sunk(o)) is not None
        ),
        api=options.api if tokens else (),
        provisioned=options.provisioned if tokens else committed_units(options),
        spend=options.spend if tenures is None else promised_spend(options),
        pruned=tuple(pruned),
    )


def committed_units(options: OptionSet) -> tuple[ProvisionedUnits, ...]:
    """Return the units that are taken on already or were ordered, which every plan pays.

    Parameters
    ----------
    options
        The options.
    """
    found = []
    for units in options.provisioned:
        ordered = (replace(b, most_nodes=b.least_nodes) for b in units.builds if b.least_nodes)
        if builds := (*ordered, *units.committed):
            found.append(replace(units, builds=builds))
    return tuple(found)


def promised_spend(options: OptionSet) -> tuple[SpendCommitment, ...]:
    """Return the spending that is promised already or was ordered, which every plan pays.

    Parameters
    ----------
    options
        The options.
    """
    return tuple(
        s if s.is_existing else replace(s, held_usd_per_hour=s.least_usd_per_hour)
        for s in options.spend
        if s.is_existing or any(s.least_usd_per_hour)
    )


def _stays(offer: NodeOffer, hardware: set[str], tenures: frozenset[str] | None) -> bool:
    return offer.hardware in hardware and (tenures is None or offer.tenure in tenures)


def only_tokens(options: OptionSet, bought: tuple[ApiOption, ...]) -> OptionSet:
    """Return the option set without replicas, where everything is bought from some API options.

    Nodes that are there or were decided before are paid, or sold, all the same. Provisioned units
    may be taken on only where their tokens are among those that are bought.

    Parameters
    ----------
    options
        The options.
    bought
        API options that stay.
    """
    units = {offer.units_id for offer in bought}
    return replace(
        options,
        options=(),
        capacities=(),
        dominated=(),
        offers=tuple(left for o in options.offers if (left := sunk(o)) is not None),
        api=bought,
        api_unproven=(),
        provisioned=(
            *(u for u in options.provisioned if u.id in units),
            *(u for u in committed_units(options) if u.id not in units),
        ),
    )


def only_model(options: OptionSet, model: str) -> OptionSet:
    """Return the option set with one model only, tokens of it included.

    Parameters
    ----------
    options
        The options.
    model
        Model that stays.
    """
    chosen = restrict(options, lambda o: o.model == model, tokens=True, same_model_only=False)
    return replace(
        chosen,
        api=tuple(a for a in options.api if a.model == model),
        provisioned=(
            *(u for u in options.provisioned if u.model == model),
            *(u for u in committed_units(options) if u.model != model),
        ),
    )
