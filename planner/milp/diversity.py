"""Constraint families of vendor diversity: shares of providers, and the loss of one of them.

To outlive the loss of a provider or region a plan has to say where its replicas stand. With
h[c,a] replicas of column c at place a (a provider, or its region), and in every case D of a loss
the rates k that the surviving replicas carry::

    n[c] = sum_a h[c,a]
    sum over columns with S(c) within F of g[c] h[c,a]  <=  sum over offers in F at a of G N
    sum_w k[w,c,D] / mu[w,c]  <=  n[c] - sum over places in D of h[c,a]
    sum_c k[w,c,D] + sum over APIs not in D of a[w,i]  >=  share (planned[w] - l[w])

for every union F of sets of offers S(c) at a place, as in :func:`planner.milp.fleet.add_packing`.
The rows state the promise itself, so they are exact. The rate of an API counts as planned and no
more, because nobody promises that it takes the rates of others. Work that waits is not promised to
survive. Capacities mu are those of all replicas: the degraded state promises capacity, not
latency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.domains import losses, places, providers_of
from planner.milp.homes import unions
from planner.milp.model import EQ, GE, LE, Terms
from planner.options.owned import OWNED

if TYPE_CHECKING:
    from planner.milp.domains import Loss
    from planner.milp.model import Model


def add_provider_shares(model: Model) -> None:
    """Rent from no provider more than its share: ``sum_{o of p} G N <= share sum_o G N``.

    In every block, in accelerators; owned nodes count in the sum and have no provider.

    Parameters
    ----------
    model
        Receives the rows; none are added without such a limit.
    """
    sets = model.sets
    share = sets.limits.max_share_per_provider
    if share is None:
        return
    offers = sets.options.offers
    for v, provider in enumerate(providers_of(sets.options)):
        for t, b in sets.slots():
            terms: Terms = {}
            for o, offer in enumerate(offers):
                if (o, t, b) in model.nodes:
                    own = offer.tenure != OWNED and offer.provider == provider
                    weight = offer.accelerators_per_node * (float(own) - share)
                    terms[model.nodes[o, t, b]] = weight
            if any(weight > 0 for weight in terms.values()):
                model.row(f"providershare_{v}_{t}_{b}", terms, LE)


def add_survival(model: Model) -> None:
    """Carry the share of every planned rate after any one loss (see the module).

    Parameters
    ----------
    model
        Receives the rows; none are added without such a policy.
    """
    sets = model.sets
    cases = losses(sets.options, sets.limits)
    if not cases:
        return
    groups = places(sets.options, sets.limits)
    for t, b in sets.slots():
        _add_places(model, groups, t, b)
        _add_place_packing(model, groups, t, b)
        for k, case in enumerate(cases):
            _add_loss(model, (k, case), groups, t, b)
    for (c, a, t, b), there in model.placed.items():
        if sets.is_static and b > 0:
            same: Terms = {there: 1.0, model.placed[c, a, t, 0]: -1.0}
            model.row(f"sameplace_{c}_{a}_{t}_{b}", same, EQ)


def _add_places(model: Model, groups: tuple[frozenset[int], ...], t: int, b: int) -> None:
    sets = model.sets
    for c in range(len(sets.columns)):
        if (c, t, b) not in model.n:
            continue
        terms: Terms = {model.n[c, t, b]: -1.0}
        for a, group in enumerate(groups):
            if sets.homes[c] & group:
                there = model.variable(f"h_{c}_{a}_{t}_{b}", int(sets.n_max[c, t, b]), whole=True)
                model.placed[c, a, t, b] = there
                terms[there] = 1.0
        model.row(f"placed_{c}_{t}_{b}", terms, EQ)


def _add_place_packing(model: Model, groups: tuple[frozenset[int], ...], t: int, b: int) -> None:
    sets = model.sets
    for a, group in enumerate(groups):
        here = [c for c in range(len(sets.columns)) if (c, a, t, b) in model.placed]
        for k, union in enumerate(unions({sets.homes[c] & group for c in here})):
            terms: Terms = {
                model.placed[c, a, t, b]: float(sets.columns[c].accelerators)
                for c in here
                if sets.homes[c] & group <= union
            }
            for o in sorted(union):
                if (o, t, b) in model.nodes:
                    size = sets.options.offers[o].accelerators_per_node
                    terms[model.nodes[o, t, b]] = -float(size)
            model.row(f"placepacking_{a}_{t}_{b}_{k}", terms, LE)


def _add_loss(
    model: Model,
    numbered: tuple[int, Loss],
    groups: tuple[frozenset[int], ...],
    t: int,
    b: int,
) -> None:
    sets = model.sets
    k, case = numbered
    gone = [a for a, group in enumerate(groups) if group & case.offers]
    carried: dict[int, Terms] = {}
    for c, column in enumerate(sets.columns):
        if (c, t, b) not in model.n:
            continue
        terms: Terms = {model.n[c, t, b]: -1.0}
        for a in gone:
            if (c, a, t, b) in model.placed:
                terms[model.placed[c, a, t, b]] = 1.0
        for w, mu_rps in column.mu_rps[t][b].items():
            if (w, c, t, b) in model.f and w not in sets.waiting:
                left = model.variable(f"k_{w}_{c}_{k}_{t}_{b}")
                carried.setdefault(w, {})[left] = 1.0
                terms[left] = float(sets.rate_unit_rps[w]) / mu_rps
        model.row(f"aftercapacity_{c}_{k}_{t}_{b}", terms, LE)
    _add_kept_rates(model, numbered, carried, t, b)


def _add_kept_rates(
    model: Model, numbered: tuple[int, Loss], carried: dict[int, Terms], t: int, b: int
) -> None:
    sets = model.sets
    k, case = numbered
    share = sets.limits.survive_share
    for w, rates in enumerate(sets.demand.workloads):
        planned = float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
        if planned <= 0 or w in sets.waiting:
            continue
        terms = carried.get(w, {})
        for i, api in enumerate(sets.options.api):
            if api.workload == rates.workload and i not in case.apis and (i, t, b) in model.a:
                terms[model.a[i, t, b]] = 1.0
        if (w, t, b) in model.unserved:
            terms[model.unserved[w, t, b]] = share
        model.row(f"afterloss_{w}_{k}_{t}_{b}", terms, GE, share * planned)
