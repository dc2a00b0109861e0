"""A figure of several plans, solved again with other inputs.

The roles of a study are the plans that its figure compares. Each input has two ends, at which all
roles are solved again: one input at a time for the tornado, and all together in a Latin hypercube
of the ends for the joint range. What is swept has more values; along it the break-even is found.
The cost of a plan lies between its bound and its cost, which adds the margin of the gaps::

    margin = sum over roles |figure(bound of the role) - figure(costs)|
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from planner.claims.conditions import where_it_flips, with_others
from planner.claims.judge import break_evens_within, verdict_of
from planner.claims.records import (
    Band,
    Case,
    Change,
    Chart,
    Detail,
    Finding,
    Plans,
    Range,
    Series,
    TornadoRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.plan.document import Plan

Costs = Mapping[str, float]
"""Discounted cost by role, USD."""
Figure = Callable[[Costs], float]
_Role = TypeVar("_Role")
_SEED = 0


@dataclass(frozen=True, slots=True)
class Input:
    """An input with two ends, between which its value is not known."""

    name: str
    low: Change
    high: Change


@dataclass(frozen=True, slots=True)
class Swept:
    """An input that the reader may choose: its values by rising number."""

    name: str
    values: tuple[tuple[float, Change], ...]
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """The figure along something that the reader may choose.

    Parameters
    ----------
    name
        What is chosen.
    points
        Place and figure, by rising place.
    margins
        How far the gaps of the solves may move the figure of each point.
    is_log_x
        Whether places are far apart.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    margins: tuple[float, ...]
    is_log_x: bool = False

    @property
    def ends(self) -> tuple[float, ...]:
        """Every figure as low and as high as its gaps leave it."""
        pairs = zip(self.points, self.margins, strict=True)
        return tuple(end for (_, y), m in pairs for end in (y - m, y + m))


@dataclass(frozen=True, slots=True)
class Study:
    """Roles, their figure, and what is varied.

    Parameters
    ----------
    roles
        Case of every role of the figure.
    figure
        From discounted costs by role.
    inputs
        What is not known.
    swept
        What the reader may choose; ``None`` for nothing.
    joint
        Runs in which all inputs change together.
    """

    roles: Mapping[str, Case]
    figure: Figure
    inputs: tuple[Input, ...] = ()
    swept: Swept | None = None
    joint: int = 4

    @property
    def cases(self) -> tuple[Case, ...]:
        """Everything that is solved."""
        changes = [None, *self.ends(), *self.joint_changes(), *self._swept_changes()]
        return tuple(
            dict.fromkeys(
                case if change is None else case.changed(change)
                for change in changes
                for case in self.roles.values()
            )
        )

    def value(self, plans: Plans, change: Change | None = None) -> float | None:
        """Return the figure with a change, ``None`` when a role has no plan then."""
        costs = self.costs(plans, change)
        return None if costs is None else self.figure(costs)

    def costs(self, plans: Plans, change: Change | None = None) -> dict[str, float] | None:
        """Return the cost of every role with a change, ``None`` when one has no plan."""
        return known_costs(plans, self._cases(change))

    def plan(self, plans: Plans, role: str) -> Plan | None:
        """Return the plan of a role without a change."""
        return plans.get(self.roles[role])

    def tornado(self, plans: Plans) -> tuple[TornadoRow, ...]:
        """Return a row for every input, the largest swing first."""
        rows = [
            TornadoRow(
                i.name,
                i.low.label,
                self.value(plans, i.low),
                i.high.label,
                self.value(plans, i.high),
            )
            for i in self.inputs
        ]
        return tuple(sorted(rows, key=lambda row: -row.swing))

    def joint_range(self, plans: Plans) -> Range | None:
        """Return the range of the figure over runs in which all inputs change together."""
        return _range(self.value(plans, change) for change in self.joint_changes())

    def curve(self, plans: Plans) -> Curve:
        """Return the figure along what is swept, without values that have no plan."""
        if self.swept is None:
            return Curve("", (), ())
        places = {x: self._cases(change) for x, change in self.swept.values}
        return curve_of(plans, self.swept.name, places, self.figure, is_log_x=self.swept.is_log)

    def margin(self, plans: Plans, change: Change | None = None) -> float:
        """Return how far the gaps of the plans may move the figure with a change."""
        found = figure_of(plans, self._cases(change), self.figure)
        return 0.0 if found is None else found[1]

    def whole_range(self, plans: Plans) -> Range | None:
        """Return the range over all ends, alone and together, each with the margin of its gaps."""
        spans: list[float | None] = []
        for change in (None, *self.ends(), *self.joint_changes()):
            value, margin = self.value(plans, change), self.margin(plans, change)
            spans += [] if value is None else [value - margin, value + margin]
        return _range(spans)

    def _cases(self, change: Change | None) -> dict[str, Case]:
        if change is None:
            return dict(self.roles)
        return {role: case.changed(change) for role, case in self.roles.items()}

    def ends(self) -> Iterator[Change]:
        """Yield both ends of every input."""
        for item in self.inputs:
            yield item.low
            yield item.high

    def joint_changes(self) -> list[Change]:
        """Return changes of all inputs: each end equally often, in an order of its own."""
        if len(self.inputs) < 2:  # noqa: PLR2004 - one input alone is in the tornado
            return []
        rng = np.random.default_rng(_SEED)
        columns = [rng.permutation(np.arange(self.joint) % 2) for _ in self.inputs]
        ends = [(item.low, item.high) for item in self.inputs]
        return [
            _together([pair[column[run]] for pair, column in zip(ends, columns, strict=True)])
            for run in range(self.joint)
        ]

    def _swept_changes(self) -> list[Change]:
        return [] if self.swept is None else [change for _, change in self.swept.values]


def judged(
    study: Study,
    plans: Plans,
    band: Band,
    *,
    y_label: str,
    conditions: Sequence[str] = (),
    others: Sequence[tuple[str, float | None]] = (),
    details: Sequence[Detail] = (),
    curve: Curve | None = None,
) -> Finding:
    """Return the verdict on the figure of a study, with tornado, joint range and chart.

    Parameters
    ----------
    study
        Solved.
    plans
        Its plans.
    band
        What is claimed.
    y_label
        Name of the figure in the chart.
    conditions
        For what the figure stands, before where it flips.
    others
        The same figure under conditions that the claim leaves open.
    details
        Figures that have no part in the verdict.
    curve
        Another curve than that of what the study sweeps.
    """
    base = study.value(plans)
    if base is None:
        return Finding(None, None, "not_decidable", (*conditions, "a plan of the test is missing"))
    tornado, joint = study.tornado(plans), study.joint_range(plans)
    found = study.whole_range(plans) or Range(base, base)
    curve = curve or study.curve(plans)
    crossed = break_evens_within(band, curve.points, curve.margins, is_log_x=curve.is_log_x)
    named = [(label, value) for label, value in others if value is not None]
    series = (Series(y_label, curve.points),)
    chart = (
        Chart(curve.name, y_label, series, band.edges, curve.is_log_x) if curve.points else None
    )
    return Finding(
        found=base,
        range=found,
        verdict=verdict_of(band, found, [*curve.ends, *(y for _, y in named)]),
        conditions=(
            *conditions,
            *where_it_flips(band, base, tornado, curve.name, crossed),
            *with_others(band, base, named),
        ),
        details=(*(Detail(n, v, "") for n, v in named), *details),
        tornado=tornado,
        joint=joint,
        chart=chart if curve.points else None,
    )


def figure_of(
    plans: Plans, cases: Mapping[str, Case], figure: Figure
) -> tuple[float, float] | None:
    """Return a figure and how far the gaps of its plans may move it, ``None`` without a plan."""
    costs = known_costs(plans, cases)
    if costs is None:
        return None
    base, moved = figure(costs), 0.0
    for role, case in cases.items():
        bound = plans[case].bound_usd
        if bound is not None and bound > 0.0:
            moved += abs(figure({**costs, role: bound}) - base)
    return base, moved


def curve_of(
    plans: Plans,
    name: str,
    places: Mapping[float, Mapping[str, Case]],
    figure: Figure,
    *,
    is_log_x: bool = False,
) -> Curve:
    """Return the figure along places with the cases of each, without those that have no plan."""
    found = {x: figure_of(plans, cases, figure) for x, cases in places.items()}
    known = {x: pair for x, pair in found.items() if pair is not None}
    points = tuple((x, value) for x, (value, _) in known.items())
    return Curve(name, points, tuple(margin for _, margin in known.values()), is_log_x)


def known_costs(plans: Plans, cases: Mapping[_Role, Case]) -> dict[_Role, float] | None:
    """Return the cost of every case by role, ``None`` when one has no plan."""
    found = {}
    for role, case in cases.items():
        plan = plans.get(case)
        if plan is None or plan.cost_usd is None:
            return None
        found[role] = plan.cost_usd
    return found


def _range(values: Iterable[float | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return Range(min(known), max(known)) if known else None


def _together(changes: Sequence[Change]) -> Change:
    return Change(
        ", ".join(change.label for change in changes),
        tuple(text for change in changes for text in change.assignments),
        tuple(factor for change in changes for factor in change.factors),
    )
