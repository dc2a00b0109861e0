"""Provisioned units minute by minute: what comes when they are full is paid by use."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from planner.report.incurred_text import write_incurred
from planner.verify.incurred.as_data import incurred_data
from planner.verify.incurred.units import overflows
from planner.verify.replay.trace import Trace
from tests.options.world import catalog, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.incurred.test_run import CENT, incurred

REQUESTS = 730 * 3 * 3_600  # one a second for a quarter
COUNTED = 1_000 * (0.8 + 0.2 * 0.5) + 4 * 100
USD = (1_000 * 0.5 + 100 * 1.5) / 1e6
PTU = {
    "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 0.001,
    "tokens_per_minute_per_unit": 30_000.0, "output_weight": 4.0, "cached_input_weight": 0.5,
}  # fmt: skip


def world(offers=None, names=("chat",)):
    """Return a plan of units for one request a second of 1,300 counted tokens: 78,000 a minute."""
    arrival = {
        "mean_rate_rps": 1.0 / len(names), "interarrival_cv": 0.0, "peak_factor_in_hour": 1.0
    }  # fmt: skip
    asked = problem(
        *(workload(n, arrival=arrival, prefix_cache={"hit_rate": 0.2}) for n in names),
        supply={"tenures": ["api"], "provisioned": [PTU]},
    )
    return solved(asked, catalog(api_offers=[row("api_offers")] if offers is None else offers))


@pytest.fixture(scope="module")
def even():
    return world()


def smaller(found, units):
    (bought,) = found.plan.provisioned
    return replace(found.plan, provisioned=(replace(bought, units=units),))


def test_units_take_what_fits_into_their_minute_and_owe_the_rest_by_hand():
    """60 each, 100 a minute: the second is cut, the third spills; 20 are owed, and two fit."""
    arrival_s = np.array([0.0, 10.0, 20.0, 65.0, 70.0, 80.0, 290.0, 300.0])
    counted = np.full(8, 60.0)

    over = overflows(arrival_s, counted, 100.0)

    # Minute 0 takes 120. Minute 1 begins with 20 and takes 60 and 60. Minute 4 owes nothing more.
    assert over.tolist() == [False, False, True, False, False, True, False, False]


def test_units_carry_what_they_carry_in_the_long_run():
    rng = np.random.default_rng(0)
    arrival_s, counted = np.sort(rng.uniform(0, 60_000.0, 60_000)), rng.exponential(5.0, 60_000)

    taken = counted[~overflows(arrival_s, counted, 100.0)].sum()

    assert taken == pytest.approx(100.0 * 1_000, rel=0.001)
    assert not overflows(arrival_s, counted, 1e6).any()


def test_units_with_room_take_everything(even):
    (bought,) = even.plan.provisioned
    found = incurred(even)

    assert bought.units == 3
    (units,) = found.units
    assert (units.units_id, units.period, units.units) == ("provisioned:ptu", 0, 3)
    assert units.sent_mtok == pytest.approx(REQUESTS * COUNTED / 1e6, rel=1e-3)
    assert (units.spilled_share, units.most_spilled_share, units.spilled_usd) == (0.0, 0.0, 0.0)
    assert found.money.usd == pytest.approx(even.plan.tco_usd, abs=CENT)


def test_what_spills_over_is_paid_by_use_by_hand(even):
    """60,000 of 78,000 tokens a minute fit; each request that does not costs 0.65 mUSD."""
    found = incurred(even, plan=smaller(even, 2))

    (units,) = found.units
    share = 1 - 60_000 / (60 * COUNTED)
    assert units.spilled_share == pytest.approx(share, rel=0.01)
    assert units.spilled_usd == pytest.approx(share * REQUESTS * USD, rel=0.01)
    by_use = sum(line.money.usd for line in found.lines if line.tenure == "api")
    assert by_use == pytest.approx(units.spilled_usd)
    assert found.notes == ()
    assert incurred_data(found)["units"][0]["spilled_usd"] == units.spilled_usd
    out = io.StringIO()
    write_incurred(out, found)
    assert "units: provisioned:ptu: 23.0" in out.getvalue()
    assert "come when the units are full" in out.getvalue()


def test_workloads_that_share_units_fill_them_together():
    """Half a request a second each: alone either would fit, together 18,000 of 78,000 do not."""
    both = world(names=("chat", "code"))

    found = incurred(both, plan=smaller(both, 2))

    (units,) = found.units
    assert units.spilled_share == pytest.approx(1 - 60_000 / (60 * COUNTED), rel=0.01)
    paid = {w.workload: w.money.more_usd for w in found.workloads}
    assert min(paid.values()) > 0.2 * sum(paid.values())


def test_bursts_spill_over_where_even_requests_do_not(even):
    """3 units have room for 69.2 requests a minute; a traced day sends 120 every second minute.

    The 70th is cut, and what it owes is paid back in the minute in which none come.
    """
    times = np.concatenate([120.0 * n + np.arange(120) / 2 for n in range(720)])
    size = np.ones(len(times))
    trace = Trace("bursts", times, 1_000 * size, 100 * size, 200 * size)

    (units,) = incurred(even, {"chat": trace}, seeds=1).units

    assert units.spilled_share == pytest.approx(50 / 120, rel=0.001)
    assert units.spilled_usd == pytest.approx(50 / 120 * REQUESTS * USD, rel=0.001)


def test_without_a_price_by_use_nothing_is_paid_and_a_note_says_so():
    other = row("api_offers", provider="others")
    audited = world(offers=[other])

    found = incurred(audited, plan=smaller(audited, 2))

    assert found.units[0].spilled_share > 0.2
    assert found.units[0].spilled_usd == 0.0
    (note,) = found.notes
    assert "provisioned:ptu: 23.0" in note
    assert "no price by use" in note


def test_the_cheapest_list_of_the_provider_prices_what_spills():
    cheap = row("api_offers", model_ref="a/model-a-fast", input_usd_per_mtok=0.25)
    audited = world(offers=[row("api_offers"), cheap])

    found = incurred(audited, plan=smaller(audited, 2))

    share = 1 - 60_000 / (60 * COUNTED)
    usd = (1_000 * 0.25 + 100 * 1.5) / 1e6
    assert found.units[0].spilled_usd == pytest.approx(share * REQUESTS * usd, rel=0.01)
