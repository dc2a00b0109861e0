r"""Constraint families of work that can wait: backlogs, their windows, and change-overs.

See :mod:`planner.demand.deferral` for the bounds of a backlog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.demand.deferral import checkpoints
from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.milp.model import Model


def add_backlogs(model: Model) -> None:
    """Serve a day's work within the day, and each request within its window.

    With block hours H, arrivals d, and s the rates at which all streams of a backlog are served,
    for every type of day::

        sum_b H s[b] = sum_b H d[b]
        0 <= q + A(u) - S(u) <= arrivals of the last W hours          at every checkpoint u

    Rows are in daily amounts of work; q is the backlog at midnight.

    Parameters
    ----------
    model
        Receives the rows; none are added where nothing can wait.
    """
    sets = model.sets
    for g, backlog in enumerate(sets.backlogs):
        weights: dict[str, float] = {}
        for t in range(sets.grid.periods):
            for day in range(len(sets.grid.day_types)):
                total = backlog.day_total(t, day, sets.grid)
                shares = _add_day(model, g, t, day) if total > 0 else {}
                weights |= {row: share * HOURS_PER_DAY / total for row, share in shares.items()}
        unit = "requests/s of the day's mean"
        model.priced.append(Priced("deferred work", backlog.name, unit, weights))


def _add_day(model: Model, g: int, t: int, day: int) -> dict[str, float]:
    """Add the rows of one day; return their right-hand sides, all in proportion to its work."""
    sets = model.sets
    grid, backlog = sets.grid, sets.backlogs[g]
    blocks = grid.blocks_of(day)
    total = backlog.day_total(t, day, grid)
    served: dict[int, Terms] = {
        b: {
            model.served[w, t, b]: float(sets.rate_unit_rps[w]) / total
            for w in backlog.streams
            if (w, t, b) in model.served
        }
        for b in blocks
    }
    everything = {v: grid.block_h * c for terms in served.values() for v, c in terms.items()}
    rights = {f"daywork_{g}_{t}_{day}": 1.0}
    model.row(f"daywork_{g}_{t}_{day}", everything, EQ, 1.0)
    waiting = model.variable(f"q_{g}_{t}_{day}")
    arrivals_rps = backlog.arrivals_rps[t, blocks]
    points = checkpoints(backlog.deferral, arrivals_rps, backlog.job_h)
    for k, point in enumerate(points):
        terms: Terms = {waiting: 1.0}
        for b, hours in zip(blocks, point.served_h.tolist(), strict=True):
            terms |= {v: -hours * c for v, c in served[b].items() if hours}
        family, sense, right = "backlog", GE, -point.arrived / total
        if point.most is not None:
            family, sense, right = "window", LE, (point.most - point.arrived) / total
        name = f"{family}_{g}_{t}_{day}_{k}"
        model.row(name, terms, sense, right)
        rights[name] = right
    return rights


def add_changeovers(model: Model) -> None:
    """Count batch replicas that come and go: ``x[b] >= n[b] - n[b-1]``, ``g[b] >= n[b] - n[b+1]``.

    Only in pools in which everything waits, and where the number of replicas may change in a day.

    Parameters
    ----------
    model
        Receives the rows.
    """
    grid = model.sets.grid
    for (c, t, b), begun in model.begun.items():
        now, before, after = (
            model.n.get((c, t, block)) for block in (b, grid.before(b), grid.after(b))
        )
        if now is None:
            continue
        for name, counted, other in (
            ("begin", begun, before),
            ("end", model.ended[c, t, b], after),
        ):
            terms: Terms = {counted: 1.0, now: -1.0}
            if other is not None:
                terms[other] = 1.0
            model.row(f"{name}_{c}_{t}_{b}", terms, GE)


def add_spot_share(model: Model) -> None:
    """Keep batch replicas off spot nodes: ``sum over spot of g n <= share sum over all of g n``.

    Parameters
    ----------
    model
        Receives the rows; none are added where all may be spot.
    """
    sets = model.sets
    share = sets.limits.max_spot_share
    if share >= 1:
        return
    for t, b in sets.slots():
        terms: Terms = {}
        for c, column in enumerate(sets.columns):
            if (c, t, b) in model.n and sets.is_batch(column.pool):
                spot = 1.0 if sets.option_of(c).is_interruptible else 0.0
                terms[model.n[c, t, b]] = column.accelerators * (spot - share)
        if any(size > 0 for size in terms.values()):
            model.row(f"spotshare_{t}_{b}", terms, LE)
