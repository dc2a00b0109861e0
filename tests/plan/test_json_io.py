"""Plan files: canonical, finite, and written whole or not at all."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import pytest

from planner.errors import InputError
from planner.plan.document import Plan
from planner.plan.json_io import plan_json, write_text_whole
from tests.plan.small import plan
from tests.plan.test_assemble import ASKED, DECIDED, OPTIONS


@pytest.fixture
def found():
    return plan(ASKED, OPTIONS, DECIDED, 730.0)


def test_keys_stand_in_the_order_of_the_document(found):
    written = json.loads(plan_json(found))

    assert list(written) == [f.name for f in fields(Plan)]
    assert list(written["fleet"][0])[:3] == ["period", "block", "offer_id"]


def test_same_plan_gives_the_same_bytes(found):
    assert plan_json(found) == plan_json(plan(ASKED, OPTIONS, DECIDED, 730.0))


def test_figures_survive_the_round_trip(found):
    written = json.loads(plan_json(found))

    assert written["cost_usd"] == found.cost_usd
    assert written["allocations"][0]["rate_rps"] == found.allocations[0].rate_rps
    assert len(written["cost_lines"]) == len(found.cost_lines)


def test_missing_is_null(found):
    written = json.loads(plan_json(replace(found, bound_usd=None, gap=None)))

    assert written["bound_usd"] is None
    assert written["allocations"][0]["ttft_p99_ms"] is None


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(found, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        plan_json(replace(found, cost_usd=number))


def test_text_is_written_as_it_is(found, tmp_path):
    path = tmp_path / "plan.json"

    write_text_whole(path, "Mélange\n")

    assert path.read_bytes() == "Mélange\n".encode()
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_existing_file_is_replaced(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")

    write_text_whole(path, "new")

    assert path.read_text() == "new"


def test_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/plan\.json\n    cannot be written: No such"):
        write_text_whole(tmp_path / "nowhere" / "plan.json", "text")


def test_target_that_is_a_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "plan.json").mkdir()

    with pytest.raises(InputError, match="cannot be written"):
        write_text_whole(tmp_path / "plan.json", "text")

    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")

    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        write_text_whole(path, "\ud800")

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]
