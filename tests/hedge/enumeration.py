"""The best orders of the world of two years by trying all of them, without the program.

Reservations serve two periods and are paid for a whole year, also beyond the horizon; servers
serve to the end and are ordered a period ahead. Orders are numbered by kind and period of start.
"""

from __future__ import annotations

import math

import numpy as np

from tests.hedge.world import (
    CAPACITY_RPS,
    CAPEX_USD,
    PERIOD_H,
    PERIODS,
    RENT_USD_PER_HOUR,
    RESERVED_USD_PER_HOUR,
)

MOST = 3
ORDERS = [("reserved", t) for t in range(PERIODS)] + [("owned", t) for t in range(PERIODS)]


def decided_in(order):
    kind, start = order
    return start if kind == "reserved" else max(start - 1, 0)


def nodes_needed(growth, rate_rps=5.0):
    factors = growth if isinstance(growth, list) else [growth] * PERIODS
    level, needed = rate_rps, []
    for factor in factors:
        needed.append(math.ceil(level * max(factor, 1.0) / CAPACITY_RPS - 1e-9))
        level *= factor
    return needed


def costs_usd(growth, orders=ORDERS, tiers=(), least=1):
    """Return the cost of one scenario for every combination of orders, one axis for each.

    Reservations that start together are cheaper by the fraction of the last of `tiers`, pairs of
    nodes and fraction, that they reach. No order is of fewer nodes than `least`.
    """
    counts = np.meshgrid(*[np.arange(MOST + 1)] * len(orders), indexing="ij", sparse=True)
    total = 0.0
    for (kind, _), count in zip(orders, counts, strict=True):
        paid = CAPEX_USD if kind == "owned" else RESERVED_USD_PER_HOUR * 2 * PERIOD_H
        off = 0.0 * count
        for nodes, fraction in tiers if kind == "reserved" else ():
            off = np.where(count >= nodes, fraction, off)
        total = total + paid * count * (1 - off)
        total = np.where((count > 0) & (count < least), np.inf, total)
    for t, needed in enumerate(nodes_needed(growth)):
        there = 0
        for (kind, start), count in zip(orders, counts, strict=True):
            last = PERIODS if kind == "owned" else start + 2
            there = there + count * (start <= t < last)
        total = total + RENT_USD_PER_HOUR * PERIOD_H * np.maximum(needed - there, 0)
    return total


def least_expected_usd(growths, probabilities, groups_at, orders=ORDERS, tiers=(), least=1):
    """Return the least expected cost; `groups_at(t)` are the scenarios alike in a period."""
    values = {
        (s,): probabilities[s] * costs_usd(growth, orders, tiers, least)
        for s, growth in enumerate(growths)
    }
    for t in reversed(range(PERIODS)):
        values = {
            tuple(group): sum(usd for own, usd in values.items() if set(own) <= set(group))
            for group in groups_at(t)
        }
        axes = tuple(i for i, order in enumerate(orders) if decided_in(order) == t)
        values = {group: usd.min(axis=axes, keepdims=True) for group, usd in values.items()}
    return float(sum(usd.sum() for usd in values.values()))


def least_measured_usd(growths, measure, known_from, orders=ORDERS):
    """Return the least of a measure of the scenarios' costs, all known from the same period."""
    later = tuple(i for i, order in enumerate(orders) if decided_in(order) >= known_from)
    best = [costs_usd(growth, orders).min(axis=later) for growth in growths]
    return min(measure(list(costs)) for costs in np.stack(best, -1).reshape(-1, len(growths)))
