"""C10: a tuned model of 14B beside a general one of 70B, for the same requests and limits.

The cost is compared whatever the small model is worth, tuning included. Its quality is only taken
from measured scores: the catalogue has none of a tuned model on a benchmark on which the large one
is measured as well. A ratio above what is claimed settles the claim without them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor, price_of, requests_per_day
from planner.claims.records import Band, Case, Claim, Detail, Finding, Plans
from planner.claims.study import Costs, Study, Swept, judged, known_costs

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_LIMITS = "p99 of 1,000 ms to the first token and 60 ms per token"
_PROBLEM = "claims/support"
_UNIT = "times the cost of 70B"
_CLAIMED = Band(None, 0.2)
_SMALL, _LARGE = "qwen2.5-14b-instruct", "llama-3.3-70b-instruct"
_VOLUMES = (50_000, 500_000, 2_000_000)


def cost_ratio(costs: Costs) -> float:
    """Return the cost of the small model over that of the large one."""
    return costs["small"] / costs["large"]


_STUDY = Study(
    roles={"small": Case(_PROBLEM), "large": Case(_PROBLEM, "large")},
    figure=cost_ratio,
    inputs=(confidence(), peak_factor("support"), price_of("mi300x-192gb", 0.8, 1.25)),
    swept=Swept(
        "requests per day",
        tuple((float(v), requests_per_day("support", v)) for v in _VOLUMES),
        is_log=True,
    ),
)
_UNTUNED = Case(_PROBLEM, "untuned")


def _test(plans: Plans, catalog: Catalog) -> Finding:
    without = known_costs(plans, {"small": _UNTUNED, "large": _STUDY.roles["large"]})
    base = [p for p in (_STUDY.plan(plans, role) for role in _STUDY.roles) if p is not None]
    gaps = score_gaps(catalog, _SMALL, _LARGE)
    finding = judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_UNIT,
        conditions=setting(*base, limits=_LIMITS),
        others=[("no cost of tuning", None if without is None else cost_ratio(without))],
        details=[
            Detail(f"general 14B less 70B on {name}", gap, "of the score", f"both by {who}")
            for (name, who), gap in gaps.items()
        ],
    )
    if finding.verdict in {"does_not_hold", "not_decidable"}:
        return finding
    missing = (
        "better quality is not decidable: no measured score of a tuned 13B or 14B beside a 70B; "
        "tuning has to raise the score by more than the gaps below",
    )
    return replace(finding, verdict="not_decidable", conditions=(*finding.conditions, *missing))


def score_gaps(catalog: Catalog, small: str, large: str) -> dict[tuple[str, str], float]:
    """Return score of `small` less that of `large`, by benchmark and evaluator of both.

    Parameters
    ----------
    catalog
        Scores count in 16 bits.
    small, large
        Models.
    """
    scores = {
        (row.model, row.benchmark, row.evaluator): row.score
        for row in catalog.quality
        if row.quantization == "bf16"
    }
    return {
        (benchmark, evaluator): score - scores[large, benchmark, evaluator]
        for (model, benchmark, evaluator), score in sorted(scores.items())
        if model == small and (large, benchmark, evaluator) in scores
    }


C10 = Claim(
    "C10",
    "A tuned 13B costs a fifth of a general 70B model at better quality",
    "1/5 of the cost",
    _UNIT,
    (*_STUDY.cases, _UNTUNED),
    _test,
    base=tuple(_STUDY.roles.values()),
)
