"""`planner catalog check`: what it counts, when prices are old, and what it refuses."""

from __future__ import annotations

import json
import re

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
    assert "`awss` sells nothing here; did you mean `aws`" in done.err


PRICES = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,"
    "source,as_of\n"
)


@pytest.fixture
def overlay(tmp_path):
    """Return a function that writes a table of offers into an overlay folder."""

    def write(*rows, table="offers", header=PRICES):
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        text = header + "".join(f"{row}\n" for row in rows)
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
        return folder

    return write


def test_warnings_about_an_overlay_stand_last(planner, overlay):
    folder = overlay("me,box,here,on_demand,h100-sxm-80gb,8,16,2020,my quote,2020")

    done = planner("catalog", "check", "--catalog", folder)

    places = [line.split()[1] for line in done.err.splitlines() if line.startswith("warning: ")]
    own = [place.startswith(str(folder)) for place in places]
    assert True in own
    assert False in own
    assert own == sorted(own)


def test_the_number_of_warnings_agrees_with_its_noun(planner):
    assert re.search(r"^catalogue valid; \d+ warnings$", planner("catalog", "check").out, re.M)


def test_json_holds_the_faults_of_cells(planner, overlay):
    folder = overlay("me,box,here,on_demand,h100-sxm-80gb,8,free,2026-11,my quote,2026-11")

    done = planner("catalog", "check", "--json", "--catalog", folder)

    (fault,) = done.json["errors"]
    assert done.code == 2
    assert done.err == ""
    assert (fault["line"], fault["column"]) == (2, 7)
    assert fault["path"] == "offers.price_usd_per_hour"
    assert "`free` is not a finite number" in fault["message"]
    assert (done.json["warnings"], done.json["tables"]) == ([], [])


def test_json_holds_the_faults_of_names(planner, overlay):
    folder = overlay("me,box,here,on_demand,H1000,8,16,2026-11,my quote,2026-11")

    done = planner("catalog", "check", "--json", "--catalog", folder)

    assert done.code == 2
    assert "`H1000` is in no table" in done.json["errors"][0]["message"]
    assert len(done.json["tables"]) == len(TABLES)


@pytest.mark.parametrize(
    ("row", "end"),
    [
        (
            "me,box,here,on_demand,H1000,8,16,2026-11,my quote,2026-11",
            "1 error, the catalogue is not valid. Next: planner catalog list offers\n",
        ),
        (
            "me,box,here,on_demand,h100-sxm-80gb,8,free,2026-11,my quote,2026-11",
            "1 error, the catalogue is not valid. Next: planner catalog list offers\n",
        ),
    ],
    ids=["name", "cell"],
)
def test_errors_end_with_the_list_of_their_table(planner, overlay, row, end):
    done = planner("catalog", "check", "--catalog", overlay(row))

    assert done.code == 2
    assert done.err.endswith(end)


def test_a_wrong_option_leaves_everything_unchecked(planner):
    assert planner("catalog", "check", "--on", "soon").err.endswith(
        "1 error, nothing was checked.\n"
    )


@pytest.mark.parametrize("arguments", [("catalog", "check", "-q"), ("-q", "catalog", "check")])
def test_quiet_leaves_the_result_only(planner, arguments):
    done = planner(*arguments)

    assert (done.code, done.err) == (0, "")
    assert "catalogue valid" in done.out


def test_show_tells_how_close_a_source_is(planner):
    done = planner("catalog", "show", "quantizations", "fp8")

    assert done.code == 0
    assert re.search("^source kind +primary$", done.out, re.MULTILINE)
    shown = json.loads(planner("catalog", "show", "quantizations", "fp8", "--json").out)
    assert shown["source_kind"] == "primary"


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_can_be_listed(planner, kind):
    assert planner("catalog", "list", kind).code == 0
