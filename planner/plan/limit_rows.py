"""Rows of a plan about what a policy prices or limits beside money: moves between models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A workload that a model serves from this period on, and not in the one before.

    In the first period every model counts but the one that most is planned on. `usd` is paid at
    the start of the period.
    """

    period: int
    workload: str
    model: str
    usd: float
