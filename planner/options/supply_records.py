"""Records of what is bought beside nodes: tokens of a provider, and models.

Costs are in USD of the date of payment, undiscounted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from planner.options.builds import Build

PROVISIONED = "provisioned"
"""Mode, and tenure of cost lines, of tokens that come out of units."""


_REACHED = 1.0 - 1e-5
"""Share of a threshold that counts as reached, as solvers have tolerances."""


class RequestTokens(NamedTuple):
    """Tokens of a mean request.

    Parameters
    ----------
    input, output
        Prompt, cached input included, and output.
    counted
        What it counts against provisioned units.
    """

    input: float
    output: float
    counted: float


@dataclass(frozen=True, slots=True)
class ApiOption:
    """Tokens of one provider for one workload.

    Parameters
    ----------
    id
        Offer identity.
    usd_per_request
        Cost of a mean request by period and block, shape (T, B), or (T, 1) when the hour does
        not matter.
    input_tokens, output_tokens
        Mean tokens of a request at the start of the horizon, cached input included.
    assumed_latency
        True when the offer states no latency and the problem allows to assume it.
    price_date
        Date of the price of the first period.
    quality
        Score by benchmark that the workload asks for.
    price_dates
        Date of the price of every period; empty when all prices carry `price_date`.
    note
        What the catalogue says about the offer.
    sources
        Source of the price of every period; empty when nobody states them.
    units_id
        Provisioned units that the tokens come out of; empty where tokens are paid by use. Their
        cost is that of the units, so `usd_per_request` is 0.
    counted_tokens
        Tokens that such a request counts against those units.
    usage_tokens, planned_tokens
        Tokens of a mean request by period where lengths grow, in the middle of the period and at
        its dearer end; empty where they do not.
    averaged
        As in :class:`planner.options.records.Capacity`.
    """

    id: str
    workload: str
    provider: str
    model: str
    mode: str
    usd_per_request: tuple[tuple[float, ...], ...]
    input_tokens: float
    output_tokens: float
    assumed_latency: bool
    price_date: str
    quality: tuple[tuple[str, float], ...] = ()
    price_dates: tuple[str, ...] = ()
    note: str = ""
    sources: tuple[str, ...] = ()
    units_id: str = ""
    counted_tokens: float = 0.0
    usage_tokens: tuple[RequestTokens, ...] = ()
    planned_tokens: tuple[RequestTokens, ...] = ()
    averaged: tuple[float, ...] = ()

    @property
    def first_tokens(self) -> RequestTokens:
        """Tokens of a mean request at the start of the horizon."""
        return RequestTokens(self.input_tokens, self.output_tokens, self.counted_tokens)

    def usage_tokens_at(self, period: int) -> RequestTokens:
        """Return the tokens of a mean request that are paid in a period."""
        return self.usage_tokens[period] if self.usage_tokens else self.first_tokens

    def planned_tokens_at(self, period: int) -> RequestTokens:
        """Return the tokens of a mean request that limits of a period are held against."""
        return self.planned_tokens[period] if self.planned_tokens else self.first_tokens

    def usd_per_request_at(self, period: int, block: int) -> float:
        """Return the cost of a mean request in a block of a period."""
        by_block = self.usd_per_request[period]
        return by_block[block] if len(by_block) > 1 else by_block[0]

    def price_date_at(self, period: int) -> str:
        """Return the date of the price of a period, counted from 0."""
        return self.price_dates[period] if self.price_dates else self.price_date

    def source_at(self, period: int) -> str:
        """Return the source of the price of a period, counted from 0."""
        return self.sources[period] if self.sources else ""


@dataclass(frozen=True, slots=True)
class ProvisionedUnits:
    """Token throughput that is bought by the unit for a term, paid whether used or not.

    Parameters
    ----------
    id
        Identity, ``provisioned:NAME``.
    provider, model
        Who serves what.
    tokens_per_minute
        Counted tokens that a unit carries, > 0.
    min_units, increment_units
        Least units at a time, and what they come in; the first is a multiple of the second.
    max_units
        Most units at a time, a multiple too; ``None`` for any number.
    builds
        Terms that a unit can be taken on for, one for every period they can start in, and those
        that are taken on already, of a fixed number; a node of a build is a unit.
    """

    id: str
    provider: str
    model: str
    tokens_per_minute: float
    min_units: int
    increment_units: int
    max_units: int | None
    builds: tuple[Build, ...]

    @property
    def committed(self) -> tuple[Build, ...]:
        """Builds of units that are taken on already, each of a fixed number."""
        return tuple(build for build in self.builds if build.fixed_nodes is not None)

    def full_usd_per_request(self, api: ApiOption) -> float:
        """Return what a mean request costs in units that are always fully used, first price."""
        usd_per_minute = self.builds[0].usd_per_node_hour / MINUTES_PER_HOUR
        return usd_per_minute * api.counted_tokens / self.tokens_per_minute


@dataclass(frozen=True, slots=True)
class SpendCommitment:
    """Spending by the hour that is promised to a provider, for lower rates of on-demand nodes.

    Parameters
    ----------
    id
        Identity, ``spend:NAME``, or ``spend:NAME/USD`` for the tier from so many USD per hour on.
    provider
        To whom it is promised.
    rates
        Offers whose nodes it covers, with what a covered node-hour takes of the commitment by
        period; ``None`` where that is not less than the on-demand price.
    min_usd_per_hour
        Least commitment at a time, where there is any.
    max_usd_per_hour
        Most at a time; ``None`` for no limit.
    builds
        Terms that spending can be promised for, one for every period they can start in; a node of
        a build is one USD per hour.
    held_usd_per_hour
        What was decided about every build before, ``None`` for those that the program decides
        about; ``None`` when it decides about all.
    least_usd_per_hour
        What has to be promised at least by every build, because it was ordered before; empty for
        nothing.
    is_existing
        Whether it is promised already, whatever the plan decides.
    table
        Name of the commitment that it is a tier of; of a table at most one tier is in use at a
        time. Empty where there are no tiers.
    discount
        Fraction off the on-demand price; ``None`` where rates of what is covered stand instead.
    running_usd_per_hour
        What is promised already of a tier, by period: new promises add to it. Empty for nothing.
    """

    id: str
    provider: str
    rates: tuple[tuple[str, tuple[float | None, ...]], ...]
    min_usd_per_hour: float
    max_usd_per_hour: float | None
    builds: tuple[Build, ...]
    held_usd_per_hour: tuple[float | None, ...] | None = None
    is_existing: bool = False
    table: str = ""
    discount: float | None = None
    least_usd_per_hour: tuple[float, ...] = ()
    running_usd_per_hour: tuple[float, ...] = ()

    def running_in(self, period: int) -> float:
        """Return what is promised already of a tier in a period, USD per hour."""
        return self.running_usd_per_hour[period] if self.running_usd_per_hour else 0.0

    def least_of(self, build: int) -> float:
        """Return what has to be promised at least by a build, USD per hour."""
        return self.least_usd_per_hour[build] if self.least_usd_per_hour else 0.0

    @property
    def is_held(self) -> bool:
        """Whether nothing about it is left to decide."""
        return self.held_usd_per_hour is not None and None not in self.held_usd_per_hour

    def covers(self, offer_id: str, period: int) -> bool:
        """Return whether nodes of an offer are billed at a lower rate in a period."""
        return any(o == offer_id and usd[period] is not None for o, usd in self.rates)


class _Nodes(Protocol):
    @property
    def provider(self) -> str: ...
    @property
    def tenure(self) -> str: ...
    @property
    def hardware(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def region(self) -> str: ...


class _Tokens(Protocol):
    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def mode(self) -> str: ...


class Spent(NamedTuple):
    """What is bought in a period: USD, and millions of tokens."""

    usd: float
    mtok: float = 0.0


@dataclass(frozen=True, slots=True)
class VolumeDiscount:
    """A discount that grows with what is bought from a provider.

    Parameters
    ----------
    name, provider
        Name of the contract, and with whom.
    tenures
        Tenures that count, and are discounted.
    tiers
        Volume from which on, and the fraction off; both rise.
    unit
        Of the thresholds: USD or millions of tokens of a month, or nodes of terms that start
        together.
    on_all
        Whether a tier that is reached holds for everything that counts, not only for the part
        from its threshold up to the next one. Always so where the unit is not USD.
    hardware, instance, region, model
        What nodes or tokens must be to count; ``None`` for any.
    """

    name: str
    provider: str
    tenures: tuple[str, ...]
    tiers: tuple[tuple[float, float], ...]
    unit: Literal["usd", "mtok", "nodes"] = "usd"
    on_all: bool = False
    hardware: str | None = None
    instance: str | None = None
    region: str | None = None
    model: str | None = None

    @property
    def is_of_terms(self) -> bool:
        """Whether reservations count, when they start, and not what is paid month by month."""
        return self.unit == "nodes"

    def counts(self, nodes: _Nodes) -> bool:
        """Return whether nodes of an offer or a row of a fleet count."""
        stated = (self.hardware, self.instance, self.region)
        have = (nodes.hardware, nodes.instance, nodes.region)
        fits = all(want in {None, got} for want, got in zip(stated, have, strict=True))
        return fits and nodes.provider == self.provider and nodes.tenure in self.tenures

    def counts_tokens(self, tokens: _Tokens) -> bool:
        """Return whether tokens of an offer or a row count; those of provisioned units do not."""
        mine = tokens.provider == self.provider and self.model in {None, tokens.model}
        return mine and "api" in self.tenures and tokens.mode != PROVISIONED

    def tier_of(self, volume: float) -> int:
        """Return how many tiers a volume reaches, to a hundred-thousandth of a threshold."""
        return sum(volume >= start * _REACHED for start, _ in self.tiers)

    def discount_at(self, tier: int) -> float:
        """Return the fraction off of a tier, counted from 1; 0 below the first."""
        return self.tiers[tier - 1][1] if tier else 0.0

    def rebate_usd(self, usd: float, volume: float) -> float:
        """Return what is taken off the spending of a month.

        Parameters
        ----------
        usd
            The spending, before volume discounts.
        volume
            The volume, in the unit of the thresholds.
        """
        if self.on_all:
            return self.discount_at(self.tier_of(volume)) * usd
        ends = [start for start, _ in self.tiers[1:]] + [usd]
        return sum(
            discount * max(min(usd, end) - start, 0.0)
            for (start, discount), end in zip(self.tiers, ends, strict=True)
        )

    def more_off_usd(self, spent: Spent, more: Spent, months: int) -> float:
        """Return what is taken off more in a period when more is spent in it.

        Parameters
        ----------
        spent, more
            What counts of the plan in the period, and what is bought beside it.
        months
            Months of the period.
        """
        both = Spent(spent.usd + more.usd, spent.mtok + more.mtok)
        return self._off_usd(both, months) - self._off_usd(spent, months)

    def _off_usd(self, spent: Spent, months: int) -> float:
        volume = spent.mtok if self.unit == "mtok" else spent.usd
        return months * self.rebate_usd(spent.usd / months, volume / months)


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model costs beyond serving it.

    Parameters
    ----------
    model
        The model.
    usd
        Paid at the start of the first period that uses it.
    usd_per_period
        Paid in the middle of every period that uses it.
    """

    model: str
    usd: float
    usd_per_period: float
