r"""Constraint families of work that can wait: backlogs, their windows, and change-overs.

See :mod:`planner.demand.deferral` for the bounds of a backlog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pulp import LpVariable

    from planner.milp.backlogs import Backlog
    from planner.milp.model import Model

    FloatArray = NDArray[np.float64]
    _ByClass = dict[tuple[int, int, int], dict[LpVariable, float]]


def add_backlogs(model: Model) -> None:
    """Serve a day's work within the day, and each request within its window.

    With block hours H, arrivals d, s the rates at which all streams of a backlog are served, and
    of these f[k] with options of class k, which need their requests so much earlier, for every
    type of day::

        sum_b H s[b] = sum_b H d[b]
        0 <= q + A(u) - S(u)                                          at every checkpoint u
        q + A(u) - S(u) + sum_k (F[k](u) - F[k](u - lead k + lead 1))
                                           <= arrivals of the last W hours, W that of class 1
        sum_k (F[k](y) - F[k](x + W k)) <= arrivals from x to y       at every rush

    Rows are in daily amounts of work; q is the backlog at midnight.

    Parameters
    ----------
    model
        Receives the rows; none are added where nothing can wait.
    """
    sets = model.sets
    for g, backlog in enumerate(sets.backlogs):
        weights: dict[str, float] = {}
        early = _served_early(model, backlog)
        for t in range(sets.grid.periods):
            for day in range(len(sets.grid.day_types)):
                total = backlog.day_total(t, day, sets.grid)
                shares = _add_day(model, g, (t, day), early) if total > 0 else {}
                weights |= {row: share * HOURS_PER_DAY / total for row, share in shares.items()}
        unit = "requests/s of the day's mean"
        model.priced.append(Priced("deferred work", backlog.name, unit, weights))


def _served_early(model: Model, backlog: Backlog) -> _ByClass:
    """Return the flows of classes beyond the first, in requests/s, by class, period and block."""
    sets = model.sets
    found: _ByClass = {}
    for (w, c, t, b), flow in model.f.items():
        if w in backlog.streams:
            kind = sets.demand.workloads[w].workload, sets.option_of(c).id
            if number := backlog.class_of[kind]:
                flows = found.setdefault((number, t, b), {})
                flows[flow] = float(sets.rate_unit_rps[w])
    return found


def _add_day(model: Model, g: int, place: tuple[int, int], early: _ByClass) -> dict[str, float]:
    """Add the rows of one day; return their right-hand sides, all in proportion to its work."""
    (t, day), sets = place, model.sets
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

    def sooner(hours: FloatArray) -> Terms:
        """Return what the classes serve in some hours of each block, shape (K, B)."""
        return {
            v: float(hours[k, i]) * c / total
            for k, i in zip(*(index.tolist() for index in np.nonzero(hours)), strict=True)
            for v, c in early.get((k, t, blocks[i]), {}).items()
        }

    everything = {v: grid.block_h * c for terms in served.values() for v, c in terms.items()}
    rights = {f"daywork_{g}_{t}_{day}": 1.0}
    model.row(f"daywork_{g}_{t}_{day}", everything, EQ, 1.0)
    waiting = model.variable(f"q_{g}_{t}_{day}")
    for k, point in enumerate(backlog.checkpoints(t, day, grid)):
        terms: Terms = {waiting: 1.0}
        for b, hours in zip(blocks, point.served_h[0].tolist(), strict=True):
            terms |= {v: -hours * c for v, c in served[b].items() if hours}
        family, sense, right = "backlog", GE, -point.arrived / total
        if point.most is not None:
            family, sense, right = "window", LE, (point.most - point.arrived) / total
            terms |= sooner(point.served_h[0] - point.served_h)
        name = f"{family}_{g}_{t}_{day}_{k}"
        model.row(name, terms, sense, right)
        rights[name] = right
    for k, rush in enumerate(backlog.rushes(t, day, grid)):
        name, right = f"rush_{g}_{t}_{day}_{k}", rush.most / total
        model.row(name, sooner(rush.served_h), LE, right)
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
