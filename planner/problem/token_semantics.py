"""Contradictions in what a problem says about tokens: rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

_MEASURES = (
    "requests_per_minute",
    "tokens_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
)


def token_findings(problem: Problem) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence of every contradiction.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    """
    yield from _limits(problem)


def _limits(problem: Problem) -> Iterator[tuple[Path_, str]]:
    seen: dict[tuple[str, str | None, str], int] = {}
    for index, limit in enumerate(problem.supply.api_limits):
        path: Path_ = ("supply", "api_limits", index)
        if all(getattr(limit, name) is None for name in _MEASURES):
            yield path, f"limits nothing; give one of {', '.join(_MEASURES)}"
        key = (limit.provider, limit.model, limit.mode)
        if key in seen:
            yield path, f"repeats item {seen[key]}; put both limits into one item"
        seen.setdefault(key, index)
