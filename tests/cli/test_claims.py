"""``planner claims`` as a user runs it; claims that need few plans."""

from __future__ import annotations

import pytest

FLEET_FACT = "DeepSeek-V3 and R1 on 2025-02-27"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The path of a store in which the first command leaves its plans to the others."""
    return tmp_path_factory.mktemp("claims") / "runs.sqlite"


def test_a_claim_of_the_catalogue_is_shown_and_written(planner, tmp_path):
    files = ("--html", "claims.html", "--markdown", "claims.md")
    done = planner("claims", "--only", "c6", "--jobs", 1, *files)

    assert done.code == 0
    assert done.err == ""
    assert "\nC6: holds_when\n" in done.out
    assert "<svg" in (tmp_path / "claims.html").read_text(encoding="utf-8")
    assert "| C6: Token prices" in (tmp_path / "claims.md").read_text(encoding="utf-8")


def test_json_has_the_stable_keys_and_the_store_keeps_plans(planner, store):
    asked = ("claims", "--only", "C6,C9", "--jobs", 1, "--store", store, "--json")

    first, second = planner(*asked), planner(*asked)

    assert first.code == 0
    assert first.json == second.json
    assert [row["id"] for row in first.json] == ["C6", "C9"]
    assert list(first.json[0])[:7] == [
        *("id", "claim", "claimed", "found", "unit", "verdict", "conditions")
    ]


def test_a_claim_that_does_not_exist_is_refused_before_anything_is_solved(planner, tmp_path):
    done = planner("claims", "--only", "C99", "--html", "claims.html")

    assert done.code == 2
    assert "--only C99" in done.err
    assert "no claim; did you mean `C9`?; C1, C2, C3" in done.err
    assert "Next: planner claims --only C2,C7" in done.err
    assert not (tmp_path / "claims.html").exists()


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_solved(planner):
    done = planner("claims", "--html", "absent/claims.html")

    assert done.code == 2
    assert "folder absent does not exist" in done.err


def test_published_prices_stand_beside_planned_costs(planner):
    done = planner("claims", "--cross-check", "--jobs", 1, "--json")

    assert done.code == 0
    assert sorted(done.json[0]) == [
        *("difference", "fact", "found", "published", "reason", "unit")
    ]
    assert {row["fact"].partition(":")[0] for row in done.json} == {
        *("llama-3.3-70b-instruct", "deepseek-v3", "gpt-oss-120b", FLEET_FACT)
    }


def test_plans_of_figures_are_replayed_when_it_is_asked_for(planner, store):
    asked = ("claims", "--only", "C6,C9", "--jobs", 1, "--store", store, "--json")

    without, replayed = planner(*asked), planner(*asked, "--verify")

    assert [row["replayed"] for row in without.json] == [None, "not replayed"]
    assert [row["replayed"] for row in replayed.json] == [None, "kept"]


@pytest.mark.parametrize("option", [("--only", "C6"), ("--verify",), ("--markdown", "t.md")])
def test_a_cross_check_is_no_test_of_claims(planner, option):
    done = planner("claims", "--cross-check", *option)

    assert done.code == 2
    assert "leave --only, --verify, --html and --markdown out" in done.err
