"""What is sent to providers of tokens in a minute, against the limits of the problem.

Tokens of a request are taken from the volumes of its row, which are checked on their own; where
lengths grow, limits are held against those at the dearer end of the period.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import TOKENS_PER_MTOK
from planner.verify.audit.clock import block_seconds
from planner.verify.audit.expected import TOLERANCE
from planner.verify.audit.lengths import longer_than_paid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import ApiRow, Plan
    from planner.problem.schema import Problem
    from planner.problem.supply import ApiLimit

_SECONDS = 60.0


def api_limit_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every rate limit that the planned rates exceed."""
    for limit in problem.supply.api_limits:
        sent: dict[tuple[int, int], list[ApiRow]] = defaultdict(list)
        for row in plan.api:
            if _is_counted(limit, row):
                sent[row.period, row.block].append(row)
        for (period, block), rows in sent.items():
            seconds = block_seconds(problem, block)
            for name, got, most in _amounts(limit, rows, seconds, problem):
                if most is not None and got > most * (1 + TOLERANCE):
                    yield (
                        f"period {period} block {block}: {got:.6g} {name} per minute to "
                        f"{limit.provider} {limit.model or 'for all models'}, {most:.6g} allowed"
                    )


def _is_counted(limit: ApiLimit, row: ApiRow) -> bool:
    if (row.provider, row.mode) != (limit.provider, limit.mode):
        return False
    return limit.model is None or limit.model == row.model


def _amounts(
    limit: ApiLimit, rows: list[ApiRow], seconds: float, problem: Problem
) -> Iterator[tuple[str, float, float | None]]:
    requests = sum(row.planned_rate_rps for row in rows) * _SECONDS
    inputs, outputs = 0.0, 0.0
    for row in rows:
        sent = row.rate_rps * seconds
        planned = row.planned_rate_rps * _SECONDS * TOKENS_PER_MTOK / sent if sent else 0.0
        longer = longer_than_paid(problem.workload(row.workload), row.period)
        inputs += row.input_mtok * planned * longer[0]
        outputs += row.output_mtok * planned * longer[1]
    yield "requests", requests, limit.requests_per_minute
    yield "tokens", inputs + outputs, limit.tokens_per_minute
    yield "input tokens", inputs, limit.input_tokens_per_minute
    yield "output tokens", outputs, limit.output_tokens_per_minute
