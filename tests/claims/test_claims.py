"""The shipped claims: their problems are valid, and two of them from end to end."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from planner.claims.as_data import claims_data
from planner.claims.list import CLAIMS
from planner.claims.page import claims_page
from planner.claims.run import assess_claims, chosen_claims
from planner.claims.runs import ClaimsSettings
from planner.claims.text import write_claims
from planner.errors import InputError
from planner.preparation import check_loaded
from planner.problem.load import load_problem, scenario_names
from planner.sweep.answers import Machines

VERDICTS = {"holds", "holds_when", "does_not_hold", "not_decidable"}
KEYS = ["id", "claim", "claimed", "found", "unit", "verdict", "conditions", "replayed"]


def test_claims_are_in_the_order_of_their_numbers_and_each_once():
    numbers = [int(claim.id.removeprefix("C")) for claim in CLAIMS]

    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= 15 for number in numbers)


@pytest.mark.parametrize("name", sorted({c.problem for claim in CLAIMS for c in claim.cases}))
def test_problems_of_claims_and_their_scenarios_are_valid(name):
    """Names, files and demand; what serves is built when the claim is run."""
    for scenario in [None, *scenario_names(name)]:
        assert check_loaded(load_problem(name, scenario)).demand


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_case_names_a_scenario_of_its_problem_and_sets_what_is_there(claim):
    alike = {
        (case.problem, tuple(text.partition("=")[0] for text in case.assignments)): case
        for case in claim.cases
    }
    for case in alike.values():
        load_problem(case.problem, case.scenario, case.assignments)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_without_plans_decides_nothing_or_rests_on_the_catalogue(claim, catalog):
    finding = claim.test({}, catalog)

    assert finding.verdict in VERDICTS
    if claim.cases:
        assert finding.verdict == "not_decidable"


def test_unknown_claims_are_named_with_those_that_there_are():
    with pytest.raises(InputError, match="C99") as caught:
        chosen_claims(["C6", "C99", "X"])

    assert len(caught.value.faults) == 2
    assert "C6" in caught.value.faults[0].message


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Token prices (no plan) and the payback of servers (one plan)."""
    store = tmp_path_factory.mktemp("claims") / "runs.sqlite"
    settings = ClaimsSettings(machines=Machines(store=store))
    first = assess_claims(["c9", "C6"], settings=settings)
    second = assess_claims(["C6", "C9"], settings=settings)
    return first, second


def test_a_second_run_solves_nothing_and_says_the_same(tested):
    first, second = tested

    assert (first.effort.runs, first.effort.solved, second.effort.solved) == (1, 1, 0)
    assert claims_data(first) == claims_data(second)


def test_rows_have_the_promised_keys_and_are_json(tested):
    rows = json.loads(json.dumps(claims_data(tested[0]), allow_nan=False))

    assert [row["id"] for row in rows] == ["C6", "C9"]
    for row in rows:
        assert list(row)[: len(KEYS)] == KEYS
        assert row["verdict"] in VERDICTS
        assert row["conditions"]


def test_verdicts_of_token_prices_and_of_owning(tested):
    """Prices of one product fall by a third; servers pay back only where rents are high."""
    prices, owning = (item.finding for item in tested[0].claims)

    assert prices.verdict == "holds_when"
    assert prices.found == pytest.approx(0.331, abs=0.002)
    assert owning.verdict == "holds_when"
    assert any("never at a rent below" in text for text in owning.conditions)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_plans_of_a_figure_are_among_the_cases(claim):
    assert set(claim.base) <= set(claim.cases)
    assert bool(claim.base) == bool(claim.cases)


def test_the_page_is_whole_and_needs_no_other_file(tested):
    page = claims_page(tested[0])

    ET.fromstring(
        page.partition("\n")[2]
        .replace('<meta charset="utf-8">', "")
        .replace('<meta name="viewport" content="width=device-width,initial-scale=1">', "")
    )
    assert page.count("<svg") == 2
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_the_text_shows_verdict_conditions_and_the_three_largest_inputs(tested):
    out = io.StringIO()

    write_claims(out, tested[0])

    text = out.getvalue()
    assert "C6\tToken prices fall 40-60 % a year" in text
    assert "\nC9: holds_when\n" in text
    assert "1 plan, 1 of them solved now and 0 stopped outside the gap: " in text
    assert "people:" not in text.split("\nC9:")[1] or text.count(" at ") >= 3


def test_cases_without_a_plan_for_the_same_reason_are_told_once(tested):
    item = replace(
        tested[0].claims[0], without_plan=("no room; at 1 kW", "late", "no room; at 2 kW")
    )
    out = io.StringIO()

    write_claims(out, replace(tested[0], claims=(item,)))

    told = [line for line in out.getvalue().splitlines() if "without a plan" in line]
    assert told == ["  cases without a plan: no room", "  cases without a plan: late"]
