"""What a claim states, what is solved for it, and what was found.

A figure is a share, a ratio or a time, as its claim says; shares are fractions from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.scale import Selection
    from planner.plan.document import Plan

Factors = tuple[tuple["Selection", float], ...]
Verdict = Literal["holds", "holds_when", "does_not_hold", "not_decidable"]
Kept = Literal["kept", "missed", "left open", "not replayed"]
"""Whether plans keep their promises in the replay; `left open` where what was simulated keeps them
by chance only, `not replayed` where something was not simulated."""


@dataclass(frozen=True, slots=True)
class Case:
    """A problem to solve: two claims that ask the same case share its plan.

    Parameters
    ----------
    problem
        Name of a shipped problem.
    scenario
        Named patch of it.
    assignments
        ``PATH=VALUE`` changes.
    factors
        Figures of the catalogue that are scaled, and by how much.
    """

    problem: str
    scenario: str | None = None
    assignments: tuple[str, ...] = ()
    factors: Factors = ()

    def changed(self, change: Change) -> Case:
        """Return the case with a change: an assignment of a path replaces an earlier one."""
        paths = {text.partition("=")[0] for text in change.assignments}
        kept = tuple(text for text in self.assignments if text.partition("=")[0] not in paths)
        return Case(
            self.problem,
            self.scenario,
            (*kept, *change.assignments),
            (*self.factors, *change.factors),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A value of an input: what it is called, and what it sets."""

    label: str
    assignments: tuple[str, ...] = ()
    factors: Factors = ()


Plans = Mapping[Case, "Plan"]
"""The plans that were found; a case without one is missing."""


@dataclass(frozen=True, slots=True)
class Band:
    """Figures that a claim covers; ``None`` leaves an end open."""

    low: float | None
    high: float | None

    @property
    def edges(self) -> tuple[float, ...]:
        """Its ends."""
        return tuple(edge for edge in (self.low, self.high) if edge is not None)

    def holds(self, figure: float) -> bool:
        """Whether the claim covers a figure."""
        return (self.low is None or self.low <= figure) and (
            self.high is None or figure <= self.high
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Least and greatest figure, `low` <= `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TornadoRow:
    """The figure at both ends of one input, all others as they are; ``None`` without a plan."""

    name: str
    low_label: str
    low: float | None
    high_label: str
    high: float | None

    @property
    def swing(self) -> float:
        """How far the input moves the figure; 0 when one end has no plan."""
        return 0.0 if self.low is None or self.high is None else abs(self.high - self.low)


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure or cost against what is varied; `claimed` are the values that the claim states."""

    x_label: str
    y_label: str
    series: tuple[Series, ...]
    claimed: tuple[float, ...] = ()
    is_log_x: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """A figure beside the main one."""

    label: str
    value: float | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the product says of a claim.

    Parameters
    ----------
    found
        The figure; ``None`` where it is not decidable.
    range
        Its range over inputs one at a time, jointly, and the gaps of the solves.
    verdict
        One of four.
    conditions
        For what it holds, and where it flips.
    details
        Further figures.
    tornado
        Inputs, the most influential first.
    joint
        Range over inputs that change together; ``None`` where there is no such design.
    chart
        What the page draws.
    """

    found: float | None
    range: Range | None
    verdict: Verdict
    conditions: tuple[str, ...]
    details: tuple[Detail, ...] = ()
    tornado: tuple[TornadoRow, ...] = ()
    joint: Range | None = None
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and its test.

    Parameters
    ----------
    id
        As in ``--only``.
    text
        What is claimed.
    claimed
        The claimed figure as it is stated.
    unit
        Of the figure.
    cases
        Everything that is solved for it.
    test
        Returns what was found; pure.
    base
        Of the cases, those of the figure itself; none where it comes from the catalogue.
    """

    id: str
    text: str
    claimed: str
    unit: str
    cases: tuple[Case, ...]
    test: Callable[[Plans, Catalog], Finding]
    base: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """A published figure beside the planner's own.

    Parameters
    ----------
    fact
        What is published.
    published, found
        The figure there, and the planner's own.
    unit
        Of both.
    difference
        The own figure over the published one, less 1.
    reason
        What most likely makes the difference.
    """

    fact: str
    published: float
    found: float
    unit: str
    difference: float
    reason: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took to solve cases.

    Parameters
    ----------
    runs
        Different questions.
    solved
        Of them, those that were not in the store.
    failed
        Different errors that ended a run.
    outside_gap
        Runs that time stopped outside the gap that was asked for, those without a plan included.
    processor_seconds
        Of all runs, whenever they were solved: what a machine of one core would have taken.
    """

    runs: int
    solved: int
    failed: int
    outside_gap: int
    processor_seconds: float


@dataclass(frozen=True, slots=True)
class AssessedClaim:
    """A claim with what was found.

    Parameters
    ----------
    claim, finding
        Which, and what was found.
    without_plan
        Why cases of it have no plan.
    replayed
        Whether the plans of the figure keep their promises; ``None`` where it rests on no plan.
    unknown
        What of them is left open or not replayed, in words.
    """

    claim: Claim
    finding: Finding
    without_plan: tuple[str, ...]
    replayed: Kept | None = None
    unknown: tuple[str, ...] = ()
