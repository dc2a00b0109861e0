"""`planner catalog check`: what it counts, when prices are old, and what it refuses."""

from __future__ import annotations

import json

import pytest

from planner.catalog.schema import TABLES


def test_check_counts_the_rows_of_every_table_by_kind_of_source(planner):
    done = planner("catalog", "check")

    lines = [line.split("\t") for line in done.out.splitlines()]
    header = lines[0]
    assert done.code == 0
    assert header[:3] == ["table", "rows", "primary"]
    assert [line[0] for line in lines[1 : len(TABLES) + 1]] == list(TABLES)
    for line in lines[1 : len(TABLES) + 2]:
        numbers = [int(cell.replace(",", "")) for cell in line[1:7]]
        assert numbers[0] == sum(numbers[1:])


def test_nothing_shipped_has_a_source_that_is_not_classified(planner):
    found = json.loads(planner("catalog", "check", "--json").out)

    assert {table["table"]: table["sources"]["unclassified"] for table in found["tables"]} == (
        dict.fromkeys(TABLES, 0)
    )
    assert found["errors"] == []


def test_a_longer_age_makes_fewer_prices_old(planner):
    def old(*options):
        warnings = json.loads(planner("catalog", "check", "--json", *options).out)["warnings"]
        return sum("days old" in warning["message"] for warning in warnings)

    assert old("--max-age-days", "0") > old() > old("--max-age-days", "3650") == 0


def test_prices_age_with_the_day_of_the_check(planner):
    done = planner("catalog", "check", "--json", "--on", "2030-01")

    messages = [w["message"] for w in json.loads(done.out)["warnings"]]
    assert done.code == 0
    assert any("days old on 2030-01-01 (limit 365)" in message for message in messages)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--on", "soon"), ["--on", "`soon` is not a date", "YYYY-MM-DD"]),
        (("--max-age-days", "-1"), ["--max-age-days", "greater than or equal to"]),
    ],
)
def test_a_wrong_option_is_refused(planner, options, words):
    done = planner("catalog", "check", *options)

    assert done.code == 2
    assert all(word in done.err for word in words)


def test_an_overlay_with_a_discount_for_nobody_warns(planner, tmp_path):
    (tmp_path / "discounts.csv").write_text(
        "provider,discount_fraction,valid_from,source,as_of\nawss,0.1,2026-01,contract,2026-01\n",
        encoding="utf-8",
    )

    done = planner("catalog", "check", "--catalog", str(tmp_path))

    assert done.code == 0
    assert "discounts.csv:2" in done.err
    assert "awss:2026-01: matches no offer; did you mean `aws`" in done.err


def test_show_tells_how_close_a_source_is(planner):
    done = planner("catalog", "show", "quantizations", "fp8")

    assert done.code == 0
    assert "kind" in done.out
    assert "primary source" in done.out
    shown = json.loads(planner("catalog", "show", "quantizations", "fp8", "--json").out)
    assert shown["source_kind"] == "primary"


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_can_be_listed(planner, kind):
    assert planner("catalog", "list", kind).code == 0
