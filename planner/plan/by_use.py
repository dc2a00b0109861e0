"""What requests cost when their tokens are paid by use, beside everything in a plan.

Every workload takes the offer of the same model that it may use itself and that costs least.
Volume discounts are those of all spending and tokens of a month, the plan's and these: offers are
chosen at the prices of every tier, and the choice counts that costs least with what the tiers take
off.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.options.supply_records import Spent
from planner.options.volumes import fractions_off
from planner.plan.document import ApiRow
from planner.plan.rent_notes import JOINER
from planner.plan.volumes import counted_rows
from planner.units import TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.options.supply_records import ApiOption, VolumeDiscount
    from planner.plan.records import Decisions


class Sent(NamedTuple):
    """Requests of a workload in a block, over its hours."""

    workload: str
    period: int
    block: int
    requests: float


class ByUse(NamedTuple):
    """What requests cost by use: discounted and nominal, and the offers, joined by `` + ``."""

    discounted_usd: float
    offer_id: str
    usd: float


def paid_by_use(
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    model: str,
    sent: Sequence[Sent],
) -> ByUse | None:
    """Return what requests cost by use, ``None`` where some of them may use no offer.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    model
        Model that answers.
    sent
        The requests.
    """
    names = {one.workload for one in sent if one.requests} or {one.workload for one in sent}
    usable: dict[str, list[ApiOption]] = {name: [] for name in sorted(names)}
    for api in sorted(options.api, key=lambda api: api.id):
        if not api.units_id and api.model == model and api.workload in usable:
            usable[api.workload].append(api)
    if not usable or not all(usable.values()):
        return None
    offered = [api for some in usable.values() for api in some]
    volumes = [
        v for v in options.volumes if not v.is_of_terms and any(map(v.counts_tokens, offered))
    ]
    spent = {v.name: _spent(v, demand, options, decisions) for v in volumes}
    later_usd = {
        name: [_later_usd(api, sent, demand) for api in some] for name, some in usable.items()
    }
    ways = []
    counted = [{api.id for api in offered if v.counts_tokens(api)} for v in volumes]
    for off in fractions_off(volumes, counted):
        chosen = {name: _cheapest(some, later_usd[name], off) for name, some in usable.items()}
        ways.append(_paid(chosen, sent, spent, volumes, demand))
    return min(ways, key=lambda way: way.discounted_usd)


def _cheapest(
    offers: Sequence[ApiOption], later_usd: Sequence[float], off: Mapping[str, float]
) -> ApiOption:
    """Return the first of the offers that cost least with a fraction off each."""
    usd = [(1.0 - off.get(a.id, 0.0)) * due for a, due in zip(offers, later_usd, strict=True)]
    return offers[usd.index(min(usd))]


def _later_usd(api: ApiOption, sent: Sequence[Sent], demand: Demand) -> float:
    return sum(
        one.requests
        * api.usd_per_request_at(one.period, one.block)
        * demand.grid.discount_factor[one.period]
        for one in sent
        if one.workload == api.workload
    )


def _paid(
    chosen: Mapping[str, ApiOption],
    sent: Sequence[Sent],
    spent: Mapping[str, Mapping[int, Spent]],
    volumes: Sequence[VolumeDiscount],
    demand: Demand,
) -> ByUse:
    """Return what requests cost at one offer for each workload, less volume discounts."""
    by_period: dict[int, float] = defaultdict(float)
    more: dict[tuple[str, int], Spent] = defaultdict(lambda: Spent(0.0, 0.0))
    for one in sent:
        api = chosen.get(one.workload)
        if api is None:
            continue
        usd = one.requests * api.usd_per_request_at(one.period, one.block)
        tokens = api.usage_tokens_at(one.period)
        mtok = one.requests * (tokens.input + tokens.output) / TOKENS_PER_MTOK
        by_period[one.period] += usd
        for volume in volumes:
            if volume.counts_tokens(api):
                key = (volume.name, one.period)
                more[key] = Spent(more[key].usd + usd, more[key].mtok + mtok)
    for volume in volumes:
        for t in by_period:
            before = spent[volume.name].get(t, Spent(0.0, 0.0))
            months = demand.grid.months_per_period
            by_period[t] -= volume.more_off_usd(before, more[volume.name, t], months)
    later = sum(usd * demand.grid.discount_factor[t] for t, usd in by_period.items())
    names = sorted({api.id for api in chosen.values()})
    return ByUse(later, JOINER.join(names), sum(by_period.values()))


def _spent(
    volume: VolumeDiscount, demand: Demand, options: OptionSet, decisions: Decisions
) -> dict[int, Spent]:
    """Return what a plan spends by period that counts for a volume discount."""
    spent: dict[int, Spent] = defaultdict(lambda: Spent(0.0, 0.0))
    for row in counted_rows(volume, demand, options, decisions):
        mtok = row.input_mtok + row.output_mtok if isinstance(row, ApiRow) else 0.0
        before = spent[row.period]
        spent[row.period] = Spent(before.usd + row.usd, before.mtok + mtok)
    return spent
