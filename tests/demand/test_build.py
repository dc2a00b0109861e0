"""Demand of whole problems: profiles and histograms of the catalogue or of the user's files."""

from __future__ import annotations

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.demand.build import build_demand
from planner.errors import InputError
from planner.problem.load import load_problem

TEXT = """\
schema_version: 1
name: p
horizon: {start: 2027-01, periods: 2}
time_blocks: 4
workloads:
  - name: chat
    arrival: {requests_per_day: 86400, peak_factor_in_hour: 1.0}
    lengths:
      isl_tokens: {mean: 51, max: 101}
      osl_tokens: {mean: 10}
"""
HEADER = "source,as_of,lengths,cell,isl_tokens,osl_tokens,probability\n"
ROWS = "me,2026,night,0,100,10,0.5\nme,2026,night,1,300,30,0.5\n"


@pytest.fixture
def demand_of(tmp_path):
    """Build the demand of a problem, edited by pairs of old and new text."""

    def build(*edits, table=None):
        text = TEXT
        for old, new in edits:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
        if table is not None:
            (tmp_path / "cells.csv").write_text(table, encoding="utf-8")
        return build_demand(load_problem(tmp_path / "p.yaml"), load_catalog([]))

    return build


def lengths(value):
    return (TEXT[TEXT.index("    lengths:") :], f"    lengths: {value}\n")


def test_flat_traffic_is_the_mean_rate_in_every_block(demand_of):
    chat = demand_of().of("chat")

    assert chat.mean_rps == pytest.approx(np.ones((2, 4)))
    assert chat.planned_rps == pytest.approx(np.ones((2, 4)))


def test_own_profile_reaches_the_blocks(demand_of):
    profile = [2.0] * 6 + [0.5] * 6 + [1.0] * 6 + [0.5] * 6

    chat = demand_of(("requests_per_day", f"profile: {profile}, requests_per_day")).of("chat")

    assert chat.mean_rps[0] == pytest.approx([2.0, 0.5, 1.0, 0.5])


def test_profile_of_the_catalogue_keeps_the_requests_of_the_day(demand_of):
    name = "servegen_m_small_diurnal_clients_hod"

    chat = demand_of(("requests_per_day", f"profile: {name}, requests_per_day")).of("chat")

    assert chat.mean_rps[0].mean() == pytest.approx(1.0)
    assert chat.mean_rps[0].max() > 1.1


def test_a_weekly_profile_warns_with_the_name_of_the_workload(demand_of):
    demand = demand_of(("requests_per_day", f"profile: {[1.0] * 168}, requests_per_day"))

    assert any(w.startswith("chat: profile") and "averaged" in w for w in demand.warnings)


def test_a_length_that_states_only_its_mean_is_noted(demand_of):
    demand = demand_of()

    assert demand.warnings == (
        "chat: lengths.osl_tokens states only a mean: every request is planned at exactly that "
        "length",
    )


def test_joint_histogram_of_the_catalogue_is_scaled_to_the_stated_mean(demand_of):
    demand = demand_of(lengths("{joint: azure_2023_conversation, isl_tokens: {mean: 2000}}"))

    found = demand.of("chat").lengths
    assert found.isl_mean_tokens == pytest.approx(2000)
    assert found.osl_mean_tokens == pytest.approx(211, rel=0.01)


def test_joint_histogram_of_the_catalogue_shows_the_lengths_it_was_made_from(demand_of):
    found = demand_of(lengths("{joint: azure_2023_conversation}")).of("chat").lengths

    assert (found.isl_mean_tokens, found.osl_mean_tokens) == pytest.approx((1155, 211), rel=0.01)


def test_own_histogram_is_read_from_beside_the_problem(demand_of):
    found = demand_of(lengths("{ref: cells.csv}"), table=HEADER + ROWS).of("chat").lengths

    assert found.isl_mean_tokens == 200.0


def test_own_histogram_is_chosen_by_name(demand_of):
    table = HEADER + ROWS + "me,2026,day,0,7,7,1\n"

    found = demand_of(lengths("{ref: cells.csv, name: day}"), table=table).of("chat").lengths

    assert found.isl_mean_tokens == 7.0


@pytest.mark.parametrize(
    ("value", "table", "says"),
    [
        (
            "{ref: cells.csv, name: nigth}",
            HEADER + ROWS,
            r"did you mean `night`\? cells.csv holds",
        ),
        (
            "{ref: cells.csv}",
            HEADER + ROWS + "me,2026,day,0,7,7,1\n",
            "`name` is missing; cells.csv holds `day`, `night`",
        ),
        ("{ref: cells.csv}", HEADER, "cells.csv holds nothing"),
        ("{ref: cells.csv}", HEADER + "me,2026,night,0,1,1,0\n", "probability 0 in all"),
        ("{ref: cells.csv}", HEADER + "me,2026,night,0,1,-1,1\n", r"cells\.csv:2:6"),
        ("{ref: absent.csv}", None, r"p\.yaml:8:15  workloads\.chat\.lengths\.ref"),
    ],
    ids=["typo", "no name", "no row", "no weight", "bad cell", "no file"],
)
def test_unusable_histogram_is_refused_with_its_place(demand_of, value, table, says):
    with pytest.raises(InputError, match=says):
        demand_of(lengths(value), table=table)


def test_unusable_histograms_of_all_workloads_are_reported_together(demand_of):
    second = "  - name: code\n    arrival: {requests_per_day: 1}\n    lengths: {ref: b.csv}\n"
    first = lengths("{ref: a.csv}")

    with pytest.raises(InputError) as caught:
        demand_of((first[0], first[1] + second))

    assert [f.path for f in caught.value.faults] == [
        "workloads.chat.lengths.ref",
        "workloads.code.lengths.ref",
    ]


def test_chat_example_has_its_published_means(demand_of):
    del demand_of
    demand = build_demand(load_problem("chatbot_1m"), load_catalog([]))

    chat = demand.of("chat")

    assert (chat.lengths.isl_mean_tokens, chat.lengths.osl_mean_tokens) == pytest.approx(
        (1155, 211)
    )
    assert chat.mean_rps.mean() * 86_400 == pytest.approx(1_000_000)


def test_rate_factors_replace_the_peak_of_the_planned_rate(demand_of):
    chat = demand_of(("peak_factor_in_hour: 1.0", "rate_factors: [0.5, 1.5]")).of("chat")

    assert chat.planned_rps == pytest.approx(np.ones((2, 4)))


def test_recorded_intervals_reach_the_demand(demand_of, tmp_path):
    (tmp_path / "gaps.csv").write_text("interval_s\n" + "1\n3\n" * 60, encoding="utf-8")

    chat = demand_of(
        ("peak_factor_in_hour: 1.0", "interarrivals: {ref: gaps.csv}, peak_factor_in_hour: 1.0")
    ).of("chat")

    assert chat.intervals == pytest.approx([0.5, 1.5] * 60)


def test_missing_file_of_intervals_is_a_fault_at_its_place(demand_of):
    with pytest.raises(InputError) as caught:
        demand_of(("peak_factor_in_hour: 1.0", "interarrivals: {ref: no.csv}"))

    (fault,) = caught.value.faults
    assert fault.path == "workloads.chat.arrival.interarrivals.ref"
    assert "there is no file `no.csv`" in fault.message
