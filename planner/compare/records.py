"""What a comparison of two plans, A and B, is made of. Differences are B less A."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanHead:
    """A plan in a line; money is ``None`` where there is no plan."""

    file: str
    name: str
    scenario: str | None
    status: str
    cost_usd: float | None
    bound_usd: float | None
    gap: float | None
    tco_usd: float | None
    start: str
    months: int
    diagnosis: tuple[str, ...]

    @property
    def usd_per_month(self) -> float | None:
        """Undiscounted cost of a month of the horizon."""
        return None if self.tco_usd is None else self.tco_usd / self.months


@dataclass(frozen=True, slots=True)
class CostDifference:
    """Difference of the discounted costs.

    The optimum of a problem lies between bound and cost of its plan, so the optima differ by
    ``bound_b - cost_a`` to ``cost_b - bound_a``: where zero is between, the solves leave open
    which problem is cheaper. ``None`` where a plan or a bound is missing.
    """

    usd: float
    fraction: float | None
    optima_at_least_usd: float | None
    optima_at_most_usd: float | None


@dataclass(frozen=True, slots=True)
class CostChange:
    """One kind of cost over all periods; 0 where a plan has none of it."""

    category: str
    workload: str
    hardware: str
    tenure: str
    a_usd: float
    b_usd: float
    difference_usd: float
    a_discounted_usd: float
    b_discounted_usd: float
    difference_discounted_usd: float


@dataclass(frozen=True, slots=True, order=True)
class Nodes:
    """Nodes of one offer; `rented` names it for people."""

    offer_id: str
    rented: str
    nodes: int


@dataclass(frozen=True, slots=True, order=True)
class Replicas:
    """Replicas of one option in one pool."""

    pool: str
    option_id: str
    replicas: int


@dataclass(frozen=True, slots=True, order=True)
class Tokens:
    """Tokens that a workload buys."""

    workload: str
    provider: str
    model: str
    mode: str


@dataclass(frozen=True, slots=True)
class Running:
    """What runs at some time, and what an hour of it costs."""

    nodes: tuple[Nodes, ...]
    replicas: tuple[Replicas, ...]
    tokens: tuple[Tokens, ...]
    usd_per_hour: float


@dataclass(frozen=True, slots=True)
class FleetChange:
    """What runs in both plans in the same hours of the same months.

    Parameters
    ----------
    from_month, to_month
        First month, and the first after it, ``YYYY-MM``.
    day_type
        Type of day.
    start_h, end_h
        Hours of the day.
    a, b
        What runs; ``None`` where a plan has no such month or type of day.
    """

    from_month: str
    to_month: str
    day_type: str
    start_h: float
    end_h: float
    a: Running | None
    b: Running | None

    @property
    def is_same(self) -> bool:
        """Whether the same nodes, replicas and tokens serve."""
        return what_runs(self.a) == what_runs(self.b)


def what_runs(running: Running | None) -> object:
    """Return what runs, without its price."""
    return None if running is None else (running.nodes, running.replicas, running.tokens)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of both plans, ``None`` where one has none."""

    subject: str
    what: str
    unit: str
    a: float | None
    b: float | None


@dataclass(frozen=True, slots=True)
class ProblemChange:
    """A field of the problem with another value; ``None`` also where it is absent."""

    path: str
    a: object
    b: object


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """Whether both plans rest on the same facts, and which of those that both use differ."""

    is_same: bool
    a_sha256: str
    b_sha256: str
    a_oldest_price_date: str | None
    b_oldest_price_date: str | None
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A program or library of another version."""

    name: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans side by side.

    `rates` is the undiscounted cost by month and day of each horizon, which compares whatever
    their lengths; `cost` is ``None`` where these differ, because totals then say nothing.
    """

    a: PlanHead
    b: PlanHead
    rates: tuple[Figure, ...]
    cost: CostDifference | None
    cost_lines: tuple[CostChange, ...]
    fleet: tuple[FleetChange, ...]
    unit_costs: tuple[Figure, ...]
    promises: tuple[Figure, ...]
    problem: tuple[ProblemChange, ...]
    catalog: CatalogChange
    versions: tuple[VersionChange, ...]
    notes: tuple[str, ...]

    @property
    def is_of_one_length(self) -> bool:
        """Whether both horizons have the same number of months."""
        return self.a.months == self.b.months
