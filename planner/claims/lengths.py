"""C5: how the cost of a request grows with its lengths.

With lengths of both prompt and output times f, the elasticity between f = 1/2 and f = 2 is::

    d ln(cost per request) / d ln(length) = ln(cost(2) / cost(1/2)) / ln 4

1 is proportional; below it longer requests are cheaper per token. Elasticities of the prompt and
of the output alone stand beside it. How many characters a token has depends on tokenizer and
language; the catalogue has no sourced table of it, so that part is not decided.
"""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor
from planner.claims.records import Band, Case, Change, Claim, Detail, Finding, Plans
from planner.claims.study import Costs, Curve, Input, Study, curve_of, judged, known_costs

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_UNIT = "% more cost per % more tokens"
_CLAIMED = Band(0.9, 1.1)
"""Proportional: within a tenth."""
_ISL = {"mean": 1155, "p50": 1020, "p95": 4083, "p99": 4142, "max": 14050}
_OSL = {"mean": 211, "p50": 129, "p95": 451, "p99": 601, "max": 1000}
"""Lengths of the problem, tokens."""
_CASE = Case("claims/chat_70b")


def _times(prompt: float, output: float) -> Case:
    texts = tuple(
        f"workloads.chat.lengths.{name}={{{', '.join(f'{k}: {v * f:g}' for k, v in own.items())}}}"
        for name, own, f in (("isl_tokens", _ISL, prompt), ("osl_tokens", _OSL, output))
    )
    return _CASE.changed(Change(f"x{prompt:g}, x{output:g}", texts))


def elasticity(costs: Costs) -> float:
    """Return d ln cost / d ln length between half and twice the length."""
    return log(costs["long"] / costs["short"]) / log(4.0)


_STUDY = Study(
    roles={"short": _times(0.5, 0.5), "long": _times(2.0, 2.0)},
    figure=elasticity,
    inputs=(
        confidence(),
        peak_factor("chat"),
        Input(
            "prefix-cache hits",
            Change("0", ("workloads.chat.prefix_cache.hit_rate=0.0",)),
            Change("0.5", ("workloads.chat.prefix_cache.hit_rate=0.5",)),
        ),
    ),
)
_ALONE = {
    "prompts alone": {"short": _times(0.5, 1.0), "long": _times(2.0, 1.0)},
    "outputs alone": {"short": _times(1.0, 0.5), "long": _times(1.0, 2.0)},
}
_STEPS = (0.25, 0.5, 1.0, 2.0, 4.0)
_SCALED = {f: _times(f, f) for f in _STEPS}


def _test(plans: Plans, _: Catalog) -> Finding:
    alone = {label: known_costs(plans, roles) for label, roles in _ALONE.items()}
    base = [p for p in (_STUDY.plan(plans, role) for role in _STUDY.roles) if p is not None]
    return judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_UNIT,
        conditions=(
            *setting(*base),
            "the limits on latency stay as lengths grow",
            "characters per token: not decidable, no sourced table in the catalogue",
        ),
        details=[
            Detail(label, elasticity(costs), _UNIT)
            for label, costs in alone.items()
            if costs is not None
        ],
        curve=_local(plans),
    )


def _local(plans: Plans) -> Curve:
    """Return the elasticity between each two lengths, a factor of 2, at their geometric mean."""
    places = {
        (low * high) ** 0.5: {"short": _SCALED[low], "long": _SCALED[high]}
        for low, high in pairwise(_STEPS)
    }
    return curve_of(
        plans,
        "times the length of prompt and output",
        places,
        lambda costs: 2.0 * elasticity(costs),
        is_log_x=True,
    )


C5 = Claim(
    "C5",
    "Cost per token is the unit: longer sequences cost proportionally more",
    "proportional (0.9-1.1)",
    _UNIT,
    tuple(
        dict.fromkeys(
            (
                *_STUDY.cases,
                *(case for roles in _ALONE.values() for case in roles.values()),
                *_SCALED.values(),
            )
        )
    ),
    _test,
    base=tuple(_STUDY.roles.values()),
)
