"""Terms of offers and facts of the catalogue that the plan must keep."""

from __future__ import annotations

import re

import pytest

from planner.problem.schema import Workload
from planner.verify.audit import audit
from planner.verify.audit.lengths import mean_tokens
from tests.options.world import catalog, row, workload

NODE = "period 0 cloud:one:north:on_demand"


def facts(*, score=0.8, hit_usd=0.1, **terms):
    """Return the catalogue of the day with other terms of the node offer."""
    base = {"elastic_max_nodes": 50} | terms
    later = {"valid_from": "2027-07", "price_usd_per_hour": 1.5, "as_of": "2026-12"}
    return catalog(
        offers=[row("offers", **base), row("offers", **base | later)],
        api_offers=[row("api_offers", cached_input_usd_per_mtok=hit_usd, as_of="2026-03")],
        quality=[row("quality", score=score)],
    )


def test_the_same_terms_are_kept(day):
    assert audit(day.plan, day.problem, facts()) == []


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"elastic_max_nodes": 1}, f"{NODE}: .* nodes come and go within a day, 1 allowed"),
        ({"min_billing_minutes": 1440}, f"{NODE}: block .* nodes, .* are still billed"),
        ({"startup_minutes": 20}, f"{NODE}: block 0: .* node-hours of start-up"),
        ({"price_usd_per_hour": 2.1}, "period 0 block 0 .*: price 2.0 USD/h, catalogue 2.1"),
        ({"accelerators": 2}, "accelerators per node 1, catalogue 2"),
        ({"accelerator": "gpu-b"}, "hardware gpu-a, catalogue gpu-b"),
        ({"score": 0.7}, "quality .*0.8.* of chat, recomputed .*0.7"),
        ({"hit_usd": 0.2}, "tokens model-a: .* tokens x price gives"),
    ],
)
def test_other_terms_are_reported(day, terms, text):
    found = audit(day.plan, day.problem, facts(**terms))

    assert any(re.search(text, line) for line in found), found


def cell(number, isl, osl, share):
    return row("lengths", lengths="h", cell=number, isl_tokens=isl, osl_tokens=osl,
               probability=share)  # fmt: skip


HISTOGRAM = catalog(lengths=[cell(0, 100, 10, 0.25), cell(1, 500, 30, 0.75)])


@pytest.mark.parametrize(
    ("lengths", "means"),
    [
        ({"isl_tokens": {"mean": 300.0}, "osl_tokens": {"mean": 20.0}}, (300, 20)),
        ({"joint": "h"}, (400, 25)),
        ({"joint": "h", "isl_tokens": {"mean": 800.0}}, (800, 25)),
        # Scaled by 1 / 25, 10 and 30 are 0.4 and 1.2; nothing is shorter than a token.
        ({"joint": "h", "osl_tokens": {"mean": 1.0}}, (400, 0.25 * 1 + 0.75 * 1.2)),
        ({"ref": "file.csv"}, None),
    ],
)
def test_mean_lengths_come_from_the_statement_or_the_histogram(lengths, means):
    asked = Workload.model_validate(workload(lengths=lengths))

    found = mean_tokens(asked, HISTOGRAM)

    assert found is None if means is None else found == pytest.approx(means)


def test_work_without_lengths_has_no_means():
    assert mean_tokens(Workload.model_validate(workload(lengths=None)), HISTOGRAM) is None
