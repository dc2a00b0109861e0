"""The limits of a problem in the program's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from planner.milp.records import ApiLimit, BudgetLimit, Limits, Quota
from planner.options.average_floors import average_floors
from planner.problem.supply import Budget
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem


def program_limits(problem: Problem) -> Limits:
    """Return the policy and supply limits of a problem in the program's terms.

    Parameters
    ----------
    problem
        The problem.
    """
    quotas = tuple(
        Quota(q.hardware, q.max_accelerators, q.provider, q.region) for q in problem.supply.quotas
    )
    policy = problem.policy
    return Limits(
        scaling=policy.scaling,
        spare_replicas=policy.spare_replicas,
        spare_nodes=policy.spare_nodes,
        max_share_per_provider=policy.max_share_per_provider,
        survive_loss_of=policy.survive_loss_of,
        survive_share=policy.survive_share,
        max_models=policy.max_models,
        max_hardware_types=policy.max_hardware_types,
        quotas=quotas,
        budgets=tuple(_budgets(problem)),
        power_kw=problem.limits.power_kw,
        owned_nodes=problem.limits.owned_nodes,
        carbon_kg_by_period=_carbon_kg(problem),
        changeover_h=policy.changeover_minutes / MINUTES_PER_HOUR,
        max_spot_share=problem.supply.spot.max_share,
        unserved_usd_per_request=tuple(
            (w.name, w.unserved_penalty_usd_per_request)
            for w in problem.workloads
            if w.unserved_penalty_usd_per_request is not None
        ),
        api_limits=tuple(_api_limits(problem)),
        average_quality=average_floors(problem),
    )


def _carbon_kg(problem: Problem) -> tuple[float, ...]:
    stated = problem.limits.carbon_kg_per_period
    if stated is None:
        return ()
    return tuple(stated) if isinstance(stated, list) else (stated,) * problem.horizon.periods


def _api_limits(problem: Problem) -> Iterator[ApiLimit]:
    for stated in problem.supply.api_limits:
        offers = (stated.provider, stated.model, stated.mode)
        if stated.requests_per_minute is not None:
            yield ApiLimit(*offers, "requests", stated.requests_per_minute)
        if stated.tokens_per_minute is not None:
            yield ApiLimit(*offers, "tokens", stated.tokens_per_minute)
        if stated.input_tokens_per_minute is not None:
            yield ApiLimit(*offers, "input_tokens", stated.input_tokens_per_minute)
        if stated.output_tokens_per_minute is not None:
            yield ApiLimit(*offers, "output_tokens", stated.output_tokens_per_minute)


def _budgets(problem: Problem) -> Iterator[BudgetLimit]:
    stated = problem.limits.budget_usd_per_period
    budget = stated if isinstance(stated, Budget) else Budget(cash=stated)
    kinds: tuple[Literal["cash", "capex", "opex"], ...] = ("cash", "capex", "opex")
    for kind in kinds:
        value = getattr(budget, kind)
        if value is None:
            continue
        for period in range(problem.horizon.periods):
            usd = value[period] if isinstance(value, list) else value
            yield BudgetLimit(kind, period, usd)
    for kind in kinds:
        usd = getattr(problem.limits.budgets_of_horizon, kind)
        if usd is not None:
            yield BudgetLimit(kind, None, usd)
