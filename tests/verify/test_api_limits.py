"""Plans under rate limits: promised rates are held against them by the audit."""

from __future__ import annotations

import re

import pytest

from planner.problem.supply import ApiLimit
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import report
from tests.verify.conftest import Audited, solved


def limited(**changes):
    """Return a plan of two workloads on two sellers of one model, the cheap one limited."""
    cheap, dear = row("api_offers"), row("api_offers", provider="other", input_usd_per_mtok=5.0)
    arrival = {"mean_rate_rps": 2.0, "peak_factor_in_hour": 1.5}
    asked = problem(
        workload("chat", arrival=arrival),
        workload("code", arrival=arrival),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        supply={"tenures": ["api"], "api_limits": [{"provider": "tokens"} | changes]},
    )
    return solved(asked, catalog(api_offers=[cheap, dear]))


def with_limit(world, **changes):
    """Return the same plan beside another limit."""
    limit = ApiLimit(**({"provider": "tokens"} | changes))
    supply = world.problem.supply.model_copy(update={"api_limits": [limit]})
    return Audited(world.plan, world.problem.model_copy(update={"supply": supply}), world.catalog)


def planned_per_minute(world):
    return 60 * sum(r.planned_rate_rps for r in world.plan.api if r.provider == "tokens")


def test_the_planned_rate_of_both_workloads_keeps_the_limit():
    world = limited(requests_per_minute=300.0)

    # 2 x 2 requests/s x 1.5 are 360 a minute.
    assert planned_per_minute(world) == pytest.approx(300)
    assert sum(r.planned_rate_rps for r in world.plan.api) == pytest.approx(6.0)
    assert report(world, world.plan) == []
    (bound,) = [b for b in world.plan.binding if b.what == "api_limit"]
    assert bound.where == "300 requests per minute to tokens all models (standard)"
    assert bound.shadow_price_usd_per_unit > 0


@pytest.mark.parametrize(
    ("limit", "name", "most"),
    [
        ({"requests_per_minute": 300.0}, "requests", 300.0),
        ({"tokens_per_minute": 330_000.0}, "tokens", 330_000.0),
        ({"input_tokens_per_minute": 300_000.0, "model": "model-a"}, "input tokens", 300_000.0),
        ({"output_tokens_per_minute": 30_000.0}, "output tokens", 30_000.0),
    ],
)
def test_the_audit_counts_what_the_limit_counts(limit, name, most):
    world = limited(**limit)
    field = next(f for f in limit if f != "model")

    assert planned_per_minute(world) == pytest.approx(300)
    assert report(world, world.plan) == []
    found = report(with_limit(world, **(limit | {field: most * 0.999})), world.plan)
    assert any(re.search(f"{most:.6g} {name} per minute to tokens", line) for line in found)


def test_the_audit_does_not_count_other_offers():
    world = limited(requests_per_minute=300.0)

    for other in ({"mode": "batch"}, {"model": "model-b"}, {"provider": "nobody"}):
        assert report(with_limit(world, requests_per_minute=1.0, **other), world.plan) == []


def test_minutes_above_the_planned_rate_are_told():
    offers = catalog()
    asked = problem(
        workload(arrival={"mean_rate_rps": 2.0, "rate_factors": [0.5, 1.5]}),
        supply={
            "tenures": ["api"],
            "api_limits": [{"provider": "tokens", "requests_per_minute": 200.0}],
        },
    )

    world = solved(asked, offers)

    assert any("`rate_factors` exceed in some minutes (by up to 1.5" in t
               for t in world.plan.warnings)  # fmt: skip
