"""The limits of a problem that may give way, each with its place in the file and in the program.

A lever stands on the right-hand side of rows and says which; how far it has to move
follows from one solve (:mod:`planner.milp.elastic`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.infeasibility.records import CAP, DEMAND
from planner.problem.supply import Budget, HorizonBudget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.preparation import Prepared
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class Lever:
    """A limit of the program that may give way by an amount.

    Parameters
    ----------
    family, workload, where, unit
        As in :class:`planner.infeasibility.records.Cause`.
    path
        Place in the problem file, as ``--set`` takes it.
    value
        What stands there.
    rows
        Beginnings of the names of its rows, up to their last positions.
    step
        New values are whole multiples of it.
    falls
        True when loosening makes the value smaller.
    per_unit
        Change of the value per unit of the rows' weights.
    most
        Most that it may change, in units of the rows' weights; ``None`` for any amount.
    kind
        One of the kinds above.
    """

    family: str
    workload: str
    where: str
    unit: str
    path: str
    value: float
    rows: tuple[str, ...]
    step: float = 1.0
    falls: bool = False
    per_unit: float = 1.0
    most: float | None = None
    kind: int = CAP

    def loosened(self, excess: float) -> float:
        """Return the value that gives way by an excess of the rows, rounded so that it is enough.

        Parameters
        ----------
        excess
            Amount in units of the rows' weights, >= 0.
        """
        change = excess * self.per_unit
        if self.falls:
            return max(math.floor((self.value - change) / self.step + _ROUNDING) * self.step, 0.0)
        return math.ceil((self.value + change) / self.step - _ROUNDING) * self.step

    def assignment(self, value: float) -> str:
        """Return the ``PATH=VALUE`` change to a value.

        Parameters
        ----------
        value
            The new value, rounded to whole numbers where steps are.
        """
        text = f"{value:.0f}" if self.step >= 1 else f"{round(value, 6):.10g}"
        return f"{self.path}={text}"


_ROUNDING = 1e-5


def levers_of(prepared: Prepared) -> tuple[Lever, ...]:
    """Return every limit of a problem that stands in rows of its program.

    Parameters
    ----------
    prepared
        The problem without a plan.
    """
    problem = prepared.loaded.problem
    return (
        *_quotas(problem),
        *_budgets(problem),
        *_site(problem),
        *_carbon(problem),
        *_api_limits(problem),
        *_kinds(problem),
        *_demand(prepared),
    )


def _quotas(problem: Problem) -> Iterator[Lever]:
    for q, quota in enumerate(problem.supply.quotas):
        at = " ".join(x for x in (quota.provider, quota.region) if x is not None)
        where = f"{quota.max_accelerators} x {quota.hardware}" + (f" of {at}" if at else "")
        path = f"supply.quotas.{q}.max_accelerators"
        most = float(quota.max_accelerators)
        rows = (f"quota_{q}_", f"turnquota_{q}_")
        yield Lever("quota", "", where, "accelerators", path, most, rows)


def _budgets(problem: Problem) -> Iterator[Lever]:
    """Yield budgets in the order of the program's."""
    stated = problem.limits.budget_usd_per_period
    by_kind = stated if isinstance(stated, Budget) else Budget(cash=stated)
    number = count()
    for kind in ("cash", "capex", "opex"):
        value = getattr(by_kind, kind)
        if value is None:
            continue
        path = "limits.budget_usd_per_period" + (f".{kind}" if stated is by_kind else "")
        rows = [f"budget_{next(number)}" for _ in range(problem.horizon.periods)]
        if not isinstance(value, list):
            where = f"{value:,.0f} USD of {kind} per period"
            yield Lever("budget", "", where, "USD", path, value, tuple(rows))
            continue
        for t, usd in enumerate(value):
            where = f"{usd:,.0f} USD of {kind} in period {t}"
            yield Lever("budget", "", where, "USD", f"{path}.{t}", usd, (rows[t],))
    apart = isinstance(problem.limits.budget_usd, HorizonBudget)
    for kind in ("cash", "capex", "opex"):
        whole = getattr(problem.limits.budgets_of_horizon, kind)
        if whole is not None:
            where = f"{whole:,.0f} USD {f'of {kind} ' if apart else ''}over the horizon"
            path = "limits.budget_usd" + (f".{kind}" if apart else "")
            yield Lever("budget", "", where, "USD", path, whole, (f"budget_{next(number)}",))


def _site(problem: Problem) -> Iterator[Lever]:
    kw, nodes = problem.limits.power_kw, problem.limits.owned_nodes
    if kw is not None:
        where = f"{kw:g} kW for owned nodes"
        yield Lever("power", "", where, "kW", "limits.power_kw", kw, ("power_",), step=0.1)
    if nodes is not None:
        where = f"space for {nodes} owned nodes"
        yield Lever("space", "", where, "nodes", "limits.owned_nodes", nodes, ("space_",))


def _carbon(problem: Problem) -> Iterator[Lever]:
    stated = problem.limits.carbon_kg_per_period
    path = "limits.carbon_kg_per_period"
    if isinstance(stated, list):
        for t, kg in enumerate(stated):
            where = f"{kg:,.0f} kg in period {t}"
            yield Lever("carbon", "", where, "kg", f"{path}.{t}", kg, (f"carbon_{t}",))
    elif stated is not None:
        where = f"{stated:,.0f} kg per period"
        yield Lever("carbon", "", where, "kg", path, stated, ("carbon_",))


def _api_limits(problem: Problem) -> Iterator[Lever]:
    """Yield rate limits of tokens in the order of the program's."""
    number = count()
    for k, limit in enumerate(problem.supply.api_limits):
        of = f"{limit.provider} {limit.model or ''}".strip()
        for measure in ("requests", "tokens", "input_tokens", "output_tokens"):
            value = getattr(limit, f"{measure}_per_minute")
            if value is None:
                continue
            unit = f"{measure.replace('_', ' ')} per minute"
            where = f"{value:,.0f} {unit} of {of}"
            path = f"supply.api_limits.{k}.{measure}_per_minute"
            yield Lever("api_limit", "", where, unit, path, value, (f"apilimit_{next(number)}_",))


def _kinds(problem: Problem) -> Iterator[Lever]:
    policy = problem.policy
    if policy.max_models is not None:
        where, path = f"at most {counted(policy.max_models, 'model')}", "policy.max_models"
        yield Lever("max_models", "", where, "models", path, policy.max_models, ("maxmodels",))
    if policy.max_hardware_types is not None:
        where = f"at most {policy.max_hardware_types} hardware types"
        path, most = "policy.max_hardware_types", policy.max_hardware_types
        yield Lever("max_hardware_types", "", where, "types", path, most, ("maxhardware",))


def _demand(prepared: Prepared) -> Iterator[Lever]:
    """Yield the demand of every workload: less of it always leaves a plan."""
    position = {rates.workload: w for w, rates in enumerate(prepared.demand.workloads)}
    for workload in prepared.loaded.problem.workloads:
        w = position.get(workload.name)
        if w is None:  # split into streams
            continue
        rates = prepared.demand.workloads[w]
        peak_rps = float(rates.planned_rps.max())
        arrival = workload.arrival
        per_day = arrival.requests_per_day is not None
        field = "requests_per_day" if per_day else "mean_rate_rps"
        value = arrival.requests_per_day if per_day else arrival.mean_rate_rps
        if value is None or peak_rps <= 0:
            continue
        yield Lever(
            "demand",
            workload.name,
            f"{value:,.10g} {'requests per day' if per_day else 'requests/s'} of {workload.name}",
            "requests per day" if per_day else "requests/s",
            f"workloads.{workload.name}.arrival.{field}",
            value,
            (f"demand_{w}_",),
            step=1.0 if per_day else 1e-5,
            falls=True,
            per_unit=value / peak_rps,
            most=peak_rps,
            kind=DEMAND,
        )
