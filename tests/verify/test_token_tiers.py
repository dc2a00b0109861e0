"""Plans whose requests fall into price tiers: the audit splits their tokens again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, report, slightly_more
from tests.verify.conftest import solved

ISL = {"mean": 1500.0, "p50": 900.0, "p95": 4_000.0, "p99": 9_000.0, "max": 20_000.0}
OFFERS = [
    row("api_offers", cached_input_usd_per_mtok=0.1),
    row("api_offers", prompt_from_tokens=2_000, input_usd_per_mtok=1.0, output_usd_per_mtok=3.0),
    row("api_offers", prompt_from_tokens=8_000, input_usd_per_mtok=2.0, output_usd_per_mtok=6.0),
]
CELLS = [
    row("lengths", lengths="two", cell=0, isl_tokens=1_000, osl_tokens=100, probability=0.75),
    row("lengths", lengths="two", cell=1, isl_tokens=3_000, osl_tokens=300, probability=0.25),
]


def tokens_only(lengths, **changes):
    asked = problem(
        workload(lengths=lengths, prefix_cache={"hit_rate": 0.3}, **changes),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        supply={"tenures": ["api"]},
    )
    return solved(asked, catalog(api_offers=OFFERS, lengths=CELLS))


@pytest.fixture(scope="module", params=["marginals", "histogram", "scaled"])
def tiered(request):
    osl = {"mean": 100.0, "p50": 80.0, "max": 400.0}
    stated = {
        "marginals": {"isl_tokens": ISL, "osl_tokens": osl},
        "histogram": {"joint": "two"},
        "scaled": {"joint": "two", "isl_tokens": {"mean": 1_200.0}},
    }
    factors = {"model-a": {"isl": 1.1, "osl": 0.9}}
    return tokens_only(stated[request.param], token_factors=factors)


def test_the_audit_agrees_on_what_tiers_cost(tiered):
    assert report(tiered, tiered.plan) == []
    assert any("pay the price of prompts from 2,000 on" in note for note in tiered.plan.warnings)


def test_the_audit_sees_another_amount(tiered):
    found = report(tiered, changed(tiered.plan, "api", usd=slightly_more))

    assert any(re.search("tokens x price gives", line) for line in found)


@pytest.mark.parametrize("missing", [1, 2])
def test_the_audit_sees_a_tier_that_was_left_out(tiered, missing):
    used = any("from 8,000 on" in note for note in tiered.plan.warnings)
    offers = [offer for i, offer in enumerate(OFFERS) if i != missing]
    other = replace(tiered, catalog=catalog(api_offers=offers, lengths=CELLS))

    found = report(other, tiered.plan)

    assert any("tokens x price gives" in line for line in found) == (missing == 1 or used)


def test_a_request_of_a_histogram_by_hand():
    world = tokens_only({"joint": "two"})

    # Cell one: 700 x 0.5 + 300 x 0.1 + 100 x 1.5 = 530; cell two: 3,000 x 1 + 300 x 3 = 3,900.
    requests = 730 * 3_600.0
    usd = (0.75 * 530 + 0.25 * 3_900) * 1e-6 * requests
    assert world.plan.tco_usd == pytest.approx(usd)
