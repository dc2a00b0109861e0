"""Provisioned units as options: what a request counts, who may use them, and their terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.demand.grid import time_grid
from planner.options.provisioned import provisioned_supply, units_of_problem
from planner.options.quality import QualityBook
from planner.report.options_text import token_rows
from tests import worlds
from tests.options.world import catalog, lengths, problem, row, workload

PTU = {
    "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 2.0,
    "tokens_per_minute_per_unit": 60_000.0, "output_weight": 4.0, "cached_input_weight": 0.5,
}  # fmt: skip


def asked(stated=PTU, one=None, supply=(), **sections):
    return problem(one or workload(), supply={"provisioned": [stated]} | dict(supply), **sections)


def supply(whole, scores=()):
    facts = catalog(quality=list(scores) or [row("quality")])
    chat = whole.workloads[0]
    book = QualityBook(facts.quality, facts.quantizations, chat.quality_scores)
    return provisioned_supply(chat, lengths(), whole, grid=time_grid(whole), book=book)


def test_a_request_counts_its_tokens_by_their_weights():
    one = workload(
        prefix_cache={"hit_rate": 0.25}, token_factors={"model-a": {"isl": 1.2, "osl": 0.5}}
    )

    (option,) = supply(asked(one=one)).usable

    # 1,200 prompt tokens, a quarter of them at half; 50 output tokens at 4.
    assert option.counted_tokens == pytest.approx(900 + 300 * 0.5 + 50 * 4)
    assert (option.input_tokens, option.output_tokens) == (1200, 50)
    assert option.usd_per_request == ((0.0,),)
    assert option.units_id == option.id == "provisioned:ptu"


@pytest.mark.parametrize(
    ("sections", "one", "reason"),
    [
        ({"candidates": {"models": ["model-b"]}}, workload(), "candidates"),
        ({"supply": {"providers": ["cloud"]}}, workload(), "provider"),
        ({}, workload(residency="on_prem_only"), "residency"),
        ({}, workload(quality=[{"benchmark": "mmlu", "min_score": 0.9}]), "quality"),
    ],
)
def test_what_excludes_tokens_excludes_units(sections, one, reason):
    more = sections.pop("supply", {})

    found = supply(asked(one=one, supply=more, **sections))

    assert (found.usable, found.unproven) == ((), ())
    assert [(r.reason, r.subject) for r in found.rejections] == [(reason, "provisioned:ptu")]


def test_unpromised_latencies_are_unproven():
    slo = [{"metric": "tpot_ms", "percentile": 99, "limit": 50}]

    found = supply(asked(one=workload(slo=slo)))

    assert len(found.unproven) == 1
    assert [r.reason for r in found.rejections] == ["latency_unproven"]
    promised = PTU | {"tpot_p99_ms": 50.0}
    assert not supply(asked(promised, one=workload(slo=slo))).usable[0].assumed_latency
    assumed = supply(asked(one=workload(slo=slo), supply={"api_latency": "assume_met"}))
    assert assumed.usable[0].assumed_latency


def test_nothing_is_offered_where_tokens_are_not_asked_for():
    whole = asked(supply={"tenures": ["on_demand"]})

    assert supply(whole).usable == ()
    assert units_of_problem(whole, time_grid(whole)) == ()


@pytest.mark.parametrize(
    ("term", "ends", "months"), [(None, [1, 2, 3], 2), (1, [1, 2, 3], 2), (4, [2, 3, 3], 4)]
)
def test_terms_start_in_every_period_at_its_price(term, ends, months):
    stated = PTU if term is None else PTU | {"term_months": term}
    whole = asked(
        stated,
        supply={"price_change_per_year": {"api": -0.19}},
        horizon={"start": "2027-01", "periods": 3, "months_per_period": 2},
        finance={"discount_rate_per_year": 0.0},
    )

    (units,) = units_of_problem(whole, time_grid(whole))

    assert [b.end for b in units.builds] == ends
    assert [b.usd_per_node_hour for b in units.builds] == pytest.approx(
        [2.0 * 0.81 ** (m / 12) for m in (0, 2, 4)]
    )
    assert units.builds[0].usd == pytest.approx(2.0 * 730 * months)
    assert {p.category for b in units.builds for p in b.payments} == {"api"}


def test_the_list_of_options_shows_a_request_in_full_units():
    whole = asked()
    (option,) = supply(whole).usable
    found = replace(
        worlds.option_set([], [], [], [option]),
        provisioned=units_of_problem(whole, time_grid(whole)),
    )

    (shown,) = token_rows(found)

    # 1,400 counted tokens of 3,600,000 an hour, which cost 2 USD.
    assert shown["usd_per_request"] == pytest.approx(1_400 / 3_600_000 * 2)
    assert shown["mode"] == "provisioned"
