"""Spend commitments: how much is promised by the hour, and which nodes that covers.

What is covered is a decision here, within the commitment of each block. Providers decide it by a
rule (:mod:`planner.plan.spend`); plans are costed by that rule, which gives the same wherever
commitments overlap as providers sell them, and never less than the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.costs import build_rest_usd, held_period_usd
from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.milp.sets import most_nodes
from planner.plan.records import SpendDecision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pulp import LpVariable

    from planner.milp.model import Model
    from planner.milp.sets import Sets
    from planner.options.records import OptionSet
    from planner.options.supply_records import SpendCommitment
    from planner.plan.records import Decisions

_TOLERANCE = 1e-6
_SMALLEST_USD_PER_HOUR = 1e-6
"""Commitments below this are the solver's tolerance, not a decision."""


def add_spend_commitments(model: Model) -> None:
    """Cover nodes within what is promised, and hold promises for their terms.

    With rate[k,o,t] of a covered node-hour and S(t) the terms that serve in period t::

        sum over o of rate[k,o,t] c[k,o,t,b]  <=  C[k,t,b]
        C[k,t,b] = sum over s in S(t) of spend[k,s]
        N[o,t,b] - sum over k of c[k,o,t,b]  <=  U[o,t,b]
        (min - running[k,t]) any[k,t]  <=  sum over s in S(t) of spend[k,s]
        sum over s in S(t) of spend[k,s]  <=  (most - running[k,t]) any[k,t]
        sum over tiers k of a table of any[k,t]  <=  1

    U is what pays the on-demand price. `most` covers every node worth having, or is the stated
    maximum if that is less. Without a minimum there is no `any`; tiers have one, their threshold.
    What runs already of a tier counts in it, and keeps other tiers of its table out of use.
    What was ordered before is a lower bound of spend[k,s].

    Parameters
    ----------
    model
        Receives the variables and rows; none are added without spend commitments.
    """
    sets = model.sets
    nodes: dict[tuple[int, int, int], Terms] = {}
    for k, spend in enumerate(sets.options.spend):
        rates = _rates(model, spend)
        if not rates and not spend.is_existing and not any(spend.least_usd_per_hour):
            continue
        for s in range(len(spend.builds)):
            held = None if spend.held_usd_per_hour is None else spend.held_usd_per_hour[s]
            low, high = (spend.least_of(s), None) if held is None else (held, held)
            model.spend[k, s] = model.variable(f"spend_{k}_{s}", high, lower=low)
        for t in range(sets.grid.periods):
            terms: Terms = {
                model.spend[k, s]: 1.0 for s, b in enumerate(spend.builds) if b.serves(t)
            }
            most = sum(most_nodes(sets, o) * usd for (o, t2), usd in rates.items() if t2 == t)
            most = max(most, *spend.least_usd_per_hour, 0.0)
            _add_size(model, k, t, terms, most * len(terms))
            for b in range(sets.grid.blocks):
                used = _add_block(model, k, (t, b), terms, rates)
                for place, variable in used.items():
                    nodes.setdefault(place, {})[variable] = -1.0
    _add_one_tier(model)
    for (o, t, b), covered in nodes.items():
        model.uncovered[o, t, b] = model.variable(f"U_{o}_{t}_{b}")
        paid: Terms = {model.nodes[o, t, b]: 1.0, model.uncovered[o, t, b]: -1.0}
        model.row(f"spendnodes_{o}_{t}_{b}", paid | covered, LE)


def _add_one_tier(model: Model) -> None:
    """Use one tier of a table at a time; with a tier that is held, no other one."""
    sets = model.sets
    tables = list(dict.fromkeys(s.table for s in sets.options.spend if s.table))
    for table in tables:
        tiers = [k for k, spend in enumerate(sets.options.spend) if spend.table == table]
        for t in range(sets.grid.periods):
            one: Terms = {
                model.any_promised[k, t]: 1.0 for k in tiers if (k, t) in model.any_promised
            }
            held = any(_held_usd(sets.options.spend[k], t) > 0 for k in tiers)
            if one:
                model.row(f"spendone_{tiers[0]}_{t}", one, LE, 0.0 if held else 1.0)
            running = {k for k in tiers if sets.options.spend[k].running_in(t) > 0}
            others: Terms = {model.any_promised[k, t]: 1.0 for k in tiers
                             if (k, t) in model.any_promised and k not in running}  # fmt: skip
            if running and others:
                model.row(f"spendothers_{tiers[0]}_{t}", others, LE, 0.0)


def _held_usd(spend: SpendCommitment, t: int) -> float:
    """Return what is promised in a period of a commitment that is decided, 0 for others."""
    if not spend.is_held:
        return 0.0
    pairs = zip(spend.held_usd_per_hour or (), spend.builds, strict=True)
    return sum(usd or 0.0 for usd, build in pairs if build.serves(t))


def _rates(model: Model, spend: SpendCommitment) -> dict[tuple[int, int], float]:
    """Return the rate of a covered node-hour by position of the offer and period."""
    offers = {offer.offer_id: o for o, offer in enumerate(model.sets.options.offers)}
    return {
        (offers[offer_id], t): usd
        for offer_id, by_period in spend.rates
        if offer_id in offers
        for t, usd in enumerate(by_period)
        if usd is not None and (offers[offer_id], t, 0) in model.nodes
    }


def _add_block(
    model: Model,
    k: int,
    slot: tuple[int, int],
    held: Terms,
    rates: Mapping[tuple[int, int], float],
) -> dict[tuple[int, int, int], LpVariable]:
    """Add the promise of a block, and return what it covers by offer, period and block."""
    t, b = slot
    promised = model.variable(f"C_{k}_{t}_{b}")
    model.promised[k, t, b] = promised
    model.row(f"spendheld_{k}_{t}_{b}", held | {promised: -1.0}, EQ)
    covered = {o: model.variable(f"c_{k}_{o}_{t}_{b}") for o, t2 in rates if t2 == t}
    used: Terms = {variable: rates[o, t] for o, variable in covered.items()}
    model.row(f"spendused_{k}_{t}_{b}", used | {promised: -1.0}, LE)
    return {(o, t, b): variable for o, variable in covered.items()}


def _add_size(model: Model, k: int, t: int, held: Terms, enough: float) -> None:
    spend = model.sets.options.spend[k]
    if spend.is_held:
        return
    stated, least = spend.max_usd_per_hour, spend.min_usd_per_hour
    name = f"spendmost_{k}_{t}"
    if least > 0:
        wanted = max(enough, model.sets.elsewhere.get(spend.id, 0.0))
        running = spend.running_in(t)
        most = max(wanted, least) if stated is None else stated - running
        least = max(least - running, 0.0)
        used = model.variable(f"any_{k}_{t}", 1, whole=True)
        model.any_promised[k, t] = used
        model.row(f"spendleast_{k}_{t}", held | {used: -least}, GE)
        model.row(name, held | {used: -most}, LE)
    elif stated is not None:
        model.row(name, held, LE, stated)
        where = f"{spend.id}, period {t}"
        model.priced.append(Priced("spend_commitment", where, "USD per hour", {name: 1.0}))


def spend_coefficients_usd(model: Model) -> Terms:
    """Return the discounted cost of promises: by block, and what a term costs beyond them.

    Parameters
    ----------
    model
        Variables by index.
    """
    sets = model.sets
    terms: Terms = {}
    for (k, t, b), promised in model.promised.items():
        usd = held_period_usd(sets.options.spend[k], t) or 0.0
        terms[promised] = usd * sets.grid.share_of_period(b)
    for (k, s), spend in model.spend.items():
        terms[spend] = build_rest_usd(sets.options.spend[k], s)
    return terms


def spend_usd(model: Model, t: int) -> Terms:
    """Return what promises of every term are paid in a period, nominal USD.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    return {
        spend: usd
        for (k, s), spend in model.spend.items()
        if (usd := sum(p.usd for p in model.sets.options.spend[k].builds[s].payments
                       if p.period == t))
    }  # fmt: skip


def promised_spend(model: Model, value_of: Mapping[str, float]) -> dict[tuple[int, int], float]:
    """Return USD per hour by position of commitment and build; what is next to nothing left out.

    Parameters
    ----------
    model
        Variables by index.
    value_of
        Values by name.
    """
    values = {
        (k, s): max(value_of[variable.name], model.sets.options.spend[k].least_of(s))
        for (k, s), variable in model.spend.items()
    }
    return {key: usd for key, usd in sorted(values.items()) if usd > _SMALLEST_USD_PER_HOUR}


def spend_decisions(
    sets: Sets, spend: Mapping[tuple[int, int], float]
) -> tuple[SpendDecision, ...]:
    """Return the rows of promises by position.

    Parameters
    ----------
    sets
        Index sets and data.
    spend
        USD per hour by position of commitment and build.
    """
    return tuple(
        SpendDecision(sets.options.spend[k].id, s, usd) for (k, s), usd in sorted(spend.items())
    )


def spend_faults(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for every row of spend commitments that decisions break.

    Parameters
    ----------
    options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    for row in decisions.spend:
        if row.usd_per_hour < 0:
            yield f"{row.usd_per_hour:g} USD per hour of {row.commitment_id}"
    for spend in options.spend:
        taken = [(spend.builds[row.build], row.usd_per_hour) for row in decisions.spend
                 if row.commitment_id == spend.id]  # fmt: skip
        most = spend.max_usd_per_hour
        for s, build in enumerate(spend.builds):
            usd = sum(usd for other, usd in taken if other is build)
            if usd < spend.least_of(s) * (1 - _TOLERANCE):
                yield f"{usd:g} USD per hour of {spend.id}, {spend.least_of(s):g} were ordered"
        for t in range(max((build.end for build, _ in taken), default=0)):
            usd = sum(usd for build, usd in taken if build.serves(t))
            whole = usd + spend.running_in(t)
            low = usd > 0 and whole < spend.min_usd_per_hour * (1 - _TOLERANCE)
            high = most is not None and whole > most * (1 + _TOLERANCE)
            if low or (usd > 0 and high):
                yield f"{usd:g} USD per hour of {spend.id} in period {t}"
    yield from _tiers_at_once(options, decisions)


def _tiers_at_once(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield tables of which more than one tier is in use in a period."""
    known = {spend.id: spend for spend in options.spend}
    in_use: dict[tuple[str, int], set[str]] = {}
    for row in decisions.spend:
        spend = known[row.commitment_id]
        build = spend.builds[row.build]
        for t in range(build.start, build.end) if spend.table and row.usd_per_hour > 0 else ():
            in_use.setdefault((spend.table, t), set()).add(spend.id)
    for (table, t), tiers in in_use.items():
        running = {s.id for s in options.spend if s.table == table and s.running_in(t) > 0}
        if len(tiers) > 1 or (running and not tiers <= running):
            names = " and ".join(sorted(tiers | running))
            yield f"tiers {names} of {table} in period {t}"
