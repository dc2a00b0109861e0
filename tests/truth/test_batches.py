"""Batch tokens: only what may wait a day uses them, by hand, and the audit.

A request costs 1,000 x 0.5 + 100 x 1.5 = 650 USD per million at the usual price, and half of it
in a batch. A month has 730 h, so one request/s is 2.628 million requests a month.
"""

from __future__ import annotations

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import solved

MONTH_OF_REQUESTS_M = 2.628
OFFERS = [
    row("api_offers"),
    row("api_offers", mode="batch", input_usd_per_mtok=0.25, output_usd_per_mtok=0.75),
]


def month(offers=tuple(OFFERS), **waiting):
    """Return the plan of one request/s, on tokens only, of which a part may wait."""
    deferrable = {"deferrable": waiting} if waiting else {}
    asked = problem(
        workload(**deferrable),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        finance={"discount_rate_per_year": 0.0},
        time_blocks=4,
        supply={"tenures": ["api"]},
    )
    return solved(asked, catalog(api_offers=list(offers)))


@pytest.mark.parametrize(
    ("waiting", "usd_per_million"),
    [
        ({}, 650),
        ({"window_h": 24.0}, 325),
        ({"window_h": 12.0}, 650),
        ({"window_h": 48.0, "share": 0.25}, 0.75 * 650 + 0.25 * 325),
    ],
)
def test_only_what_may_wait_a_day_is_sent_as_a_batch(waiting, usd_per_million):
    world = month(**waiting)

    assert world.plan.tco_usd == pytest.approx(usd_per_million * MONTH_OF_REQUESTS_M)
    assert report(world, world.plan) == []
    assert all(item.is_deferred for item in world.plan.api if item.mode == "batch")


def test_a_batch_is_not_used_where_it_is_dearer():
    dear = OFFERS[1].model_copy(update={"input_usd_per_mtok": 9.0})

    world = month([OFFERS[0], dear], window_h=24.0)

    assert {item.mode for item in world.plan.api} == {"standard"}


def test_the_audit_sees_a_batch_of_requests_that_cannot_wait():
    world = month(window_h=24.0, share=0.5)
    batch = next(i for i, item in enumerate(world.plan.api) if item.mode == "batch")

    found = report(world, changed(world.plan, "api", batch, is_deferred=False))

    assert any("a batch takes a day, which chat may not wait" in line for line in found)


def test_the_audit_sees_a_batch_in_a_shorter_window():
    world = month(window_h=24.0)
    short = world.problem.workloads[0].deferrable.model_copy(update={"window_h": 23.0})
    work = world.problem.workloads[0].model_copy(update={"deferrable": short})
    other = world.problem.model_copy(update={"workloads": [work]})

    found = report(type(world)(world.plan, other, world.catalog), world.plan)

    assert any("a batch takes a day, which chat may not wait" in line for line in found)


def test_units_and_batches_share_the_work_that_waits():
    units = {
        "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 0.1,
        "tokens_per_minute_per_unit": 33_000.0, "max_units": 1,
    }  # fmt: skip
    asked = problem(
        workload(deferrable={"window_h": 24.0}),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        finance={"discount_rate_per_year": 0.0},
        time_blocks=4,
        supply={"tenures": ["api"], "provisioned": [units]},
    )

    world = solved(asked, catalog(api_offers=OFFERS))

    # The unit carries half a request/s of 1,100 tokens for 73 USD; the rest waits for a batch.
    assert world.plan.tco_usd == pytest.approx(73 + 325 * MONTH_OF_REQUESTS_M / 2)
    assert report(world, world.plan) == []


def test_a_limit_on_batches_leaves_the_rest_to_the_usual_price():
    asked = problem(
        workload(deferrable={"window_h": 24.0}),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        finance={"discount_rate_per_year": 0.0},
        supply={
            "tenures": ["api"],
            "api_limits": [{"provider": "tokens", "mode": "batch", "requests_per_minute": 15.0}],
        },
    )

    world = solved(asked, catalog(api_offers=OFFERS))

    assert world.plan.tco_usd == pytest.approx((0.25 * 325 + 0.75 * 650) * MONTH_OF_REQUESTS_M)
    assert report(world, world.plan) == []
