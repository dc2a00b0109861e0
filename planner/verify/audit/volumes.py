"""Volume discounts, computed again from the plan's own rows and the tiers of the problem.

Terms of nodes are counted by the period in which they start; rent and tokens month by month.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, Protocol

from planner.verify.audit.expected import differs
from planner.verify.audit.terms import discount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from planner.plan.document import ApiRow, FleetRow, Plan
    from planner.plan.finance_rows import VolumeRow
    from planner.problem.contracts import VolumeDiscount, VolumeTier
    from planner.problem.schema import Problem

    Charge = tuple[tuple[int, str, str, str, str], float, float]
    UsdOf = Callable[[FleetRow], dict[str, float]]

_REBATE, _API, _BY_UNITS = "rebate", "api", "provisioned"
_MID_PERIOD = 0.5
_MOST_TRIED = 256
"""Ways to choose a tier of every discount that are all tried."""
_NEARLY = 0.99999
"""Share of a threshold that counts as reached, as the plan's format says."""


class _Nodes(Protocol):
    """What a discount asks of nodes."""

    @property
    def provider(self) -> str:
        """The provider of the nodes."""

    @property
    def region(self) -> str:
        """The region of the nodes."""

    @property
    def instance(self) -> str:
        """The instance of the nodes."""

    @property
    def tenure(self) -> str:
        """The tenure of the nodes."""

    @property
    def hardware(self) -> str:
        """The hardware of the nodes."""


class _Due(NamedTuple):
    """What a volume discount gives in a period."""

    volume: VolumeDiscount
    period: int
    spent_usd: float
    monthly: float
    off_usd: float
    tier: VolumeTier


def volume_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every rebate, and every tier of terms, that the plan does not reach."""
    yield from _tiers_of_terms(plan, problem)
    due = {(d.volume.name, d.period): d for d in _rebates(plan, problem)}
    got = [(row.name, row.period) for row in plan.volume_discounts]
    if sorted(got) != sorted(due):
        yield f"volume discounts of {sorted(got)}, the fleet and the tokens give {sorted(due)}"
        return
    for row in plan.volume_discounts:
        for text in _differences(row, due[row.name, row.period]):
            yield f"volume discount {row.name} of period {row.period}: {text}"


def _differences(row: VolumeRow, due: _Due) -> Iterator[str]:
    start, unit = _start(due.tier)
    for name, got, want in (
        ("provider", row.provider, due.volume.provider),
        ("unit", row.unit, unit.removeprefix("from_")),
        ("discounts", row.applies_to, due.volume.applies_to),
    ):
        if got != want:
            yield f"{name} {got}, expected {want}"
    for name, figure, amount in (
        ("USD spent", row.spent_usd, due.spent_usd),
        ("USD taken off", row.rebate_usd, due.off_usd),
        ("a month", row.volume, due.monthly),
        ("as the threshold", row.tier_from, start),
        ("as the discount", row.discount, due.tier.discount),
    ):
        if differs(figure, amount):
            yield f"{figure:.6f} {name}, the fleet gives {amount:.6f}"


def volume_charges(plan: Plan, problem: Problem, usd_of: UsdOf) -> Iterator[Charge]:
    """Yield cost line, nominal and discounted USD of every rebate, negative."""
    for due in _rebates(plan, problem):
        parts: dict[str, float] = defaultdict(float)
        for row in _rented(due.volume, plan):
            if row.period == due.period:
                for workload, usd in usd_of(row).items():
                    parts[workload] += usd
        for item in _bought(due.volume, plan):
            parts[item.workload] += item.usd if item.period == due.period else 0.0
        middle = (due.period + _MID_PERIOD) * problem.horizon.months_per_period
        for workload, part in parts.items():
            usd = -due.off_usd * part / due.spent_usd
            if part:
                key = (due.period, _REBATE, workload, "", "")
                yield key, usd, usd * discount(problem, middle)


def _rebates(plan: Plan, problem: Problem) -> Iterator[_Due]:
    """Yield what is taken off in every period, where that is something."""
    months = problem.horizon.months_per_period
    for volume in problem.supply.volume_discounts:
        spent: dict[int, float] = defaultdict(float)
        mtok: dict[int, float] = defaultdict(float)
        for row in _rented(volume, plan):
            spent[row.period] += row.usd
        for item in _bought(volume, plan):
            spent[item.period] += item.usd
            mtok[item.period] += item.input_mtok + item.output_mtok
        in_tokens = volume.tiers[0].from_mtok_per_month is not None
        for period, usd in spent.items():
            monthly = (mtok[period] if in_tokens else usd) / months
            reached = [t for t in volume.tiers if monthly >= _NEARLY * _start(t)[0]]
            off = _off_usd(volume, reached, usd / months) * months
            if off > 0:
                yield _Due(volume, period, usd, monthly, off, reached[-1])


def discounts_tried(volumes: Sequence[VolumeDiscount]) -> list[tuple[float, ...]]:
    """Return the discounts at which a choice is tried: of every tier of each with all others.

    Where that is too many ways: all at none, all at their first tier and so on, and each alone.
    """
    of_each = [[0.0, *(tier.discount for tier in volume.tiers)] for volume in volumes]
    if math.prod(map(len, of_each)) <= _MOST_TRIED:
        return list(product(*of_each))
    longest = max(map(len, of_each))
    tried = [tuple(off[min(k, len(off) - 1)] for off in of_each) for k in range(longest)]
    for k, own in enumerate(of_each):
        none = [0.0] * len(of_each)
        tried += [(*none[:k], off, *none[k + 1 :]) for off in own[1:]]
    return tried


def spent_usd(volume: VolumeDiscount, plan: Plan, period: int) -> float:
    """Return what a plan spends in a period that counts for a discount."""
    rented = sum(row.usd for row in _rented(volume, plan) if row.period == period)
    return rented + sum(item.usd for item in _bought(volume, plan) if item.period == period)


def spent_mtok(volume: VolumeDiscount, plan: Plan, period: int) -> float:
    """Return the millions of tokens of a plan in a period that count for a discount."""
    rows = [item for item in _bought(volume, plan) if item.period == period]
    return sum(item.input_mtok + item.output_mtok for item in rows)


def more_off_usd(
    volume: VolumeDiscount,
    spent: float,
    more: float,
    months: int,
    tokens: tuple[float, float] = (0.0, 0.0),
) -> float:
    """Return what is taken off more when more is spent in a period.

    Parameters
    ----------
    volume
        A discount of what is paid month by month.
    spent, more
        USD of the period, and USD beside it.
    months
        Months of the period.
    tokens
        Millions of them in the period, and beside it, where thresholds are of tokens.
    """
    in_tokens = volume.tiers[0].from_mtok_per_month is not None
    totals = [(spent, tokens[0]), (spent + more, sum(tokens))]
    before, after = (
        _off_at(volume, usd / months, (mtok if in_tokens else usd) / months)
        for usd, mtok in totals
    )
    return (after - before) * months


def _off_at(volume: VolumeDiscount, usd: float, monthly: float) -> float:
    reached = [t for t in volume.tiers if monthly >= _NEARLY * _start(t)[0]]
    return _off_usd(volume, reached, usd)


def _off_usd(volume: VolumeDiscount, reached: list[VolumeTier], usd: float) -> float:
    """Return what is taken off a month's spending."""
    if volume.applies_to == "all":
        return reached[-1].discount * usd if reached else 0.0
    off = below = 0.0
    for tier in reached:  # the discount rises by the difference at every threshold
        off += max(usd - _start(tier)[0], 0.0) * (tier.discount - below)
        below = tier.discount
    return off


def _start(tier: VolumeTier) -> tuple[float, str]:
    """Return the threshold of a tier, and the field that states it."""
    fields = ("from_usd_per_month", "from_mtok_per_month", "from_nodes")
    return next((float(x), f) for f in fields if (x := getattr(tier, f)) is not None)


def is_for(volume: VolumeDiscount, row: _Nodes) -> bool:
    """Return whether nodes count for a volume discount."""
    asked = (volume.hardware, volume.instance, volume.region)
    have = (row.hardware, row.instance, row.region)
    same = row.provider == volume.provider and row.tenure in volume.tenures
    return same and all(a is None or a == h for a, h in zip(asked, have, strict=True))


def _rented(volume: VolumeDiscount, plan: Plan) -> Iterator[FleetRow]:
    taken_on = {row.offer_id for row in plan.commitments}
    for row in plan.fleet:
        if is_for(volume, row) and row.offer_id not in taken_on:
            yield row


def _bought(volume: VolumeDiscount, plan: Plan) -> Iterator[ApiRow]:
    for row in plan.api if _API in volume.tenures else ():
        mine = row.provider == volume.provider and volume.model in {None, row.model}
        if mine and row.mode != _BY_UNITS:
            yield row


def _tiers_of_terms(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield commitments whose price is not that of the tier their terms reach together."""
    stated = [v for v in problem.supply.volume_discounts if v.tiers[0].from_nodes is not None]
    for row in plan.commitments:
        mine = next((v for v in stated if not row.is_existing and is_for(v, row)), None)
        want: tuple[str | None, int | None, float] = (None, None, 0.0)
        if mine is not None:
            together = sum(
                other.nodes
                for other in plan.commitments
                if other.start_period == row.start_period
                and not other.is_existing
                and is_for(mine, other)
            )
            reached = [t for t in mine.tiers if together >= (t.from_nodes or 0)]
            want = (mine.name, None, 0.0)
            if reached:
                want = (mine.name, reached[-1].from_nodes, reached[-1].discount)
        if (row.volume_discount, row.tier_from_nodes, row.discount) != want:
            yield (
                f"commitment {row.offer_id} from period {row.start_period}: volume discount "
                f"{row.volume_discount} from {row.tier_from_nodes} nodes, {row.discount} off; its "
                f"terms reach {want}"
            )
