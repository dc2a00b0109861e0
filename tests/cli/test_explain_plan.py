"""``planner explain PLAN.json``: the plan of the file, or what is said where it is another."""

from __future__ import annotations

from tests.hedge.world import scenario, write_halves


def test_a_plan_of_other_prices_is_not_explained_in_silence(planner, tmp_path):
    problem = write_halves(tmp_path, [scenario("only", 1, 1.0)], tenures="reserved_1y")
    offers = (tmp_path / "prices" / "offers.csv").read_text(encoding="utf-8")
    folder = tmp_path / "cheap"
    folder.mkdir()
    (folder / "offers.csv").write_text(offers.replace(",1,1.2,", ",1,0.5,"), encoding="utf-8")
    made = planner("solve", problem, "--no-compare", "--catalog", folder, "-o", "plan.json")
    asked = ("explain", "plan.json", "--problem", problem, "--time-limit", 5)

    same, other = planner(*asked, "--catalog", folder), planner(*asked)

    assert made.code == same.code == other.code == 0
    assert "another catalogue" not in same.out
    assert "note: the plan of the file was made from another catalogue" in other.out
    assert "note: the plan of the file costs" in other.out
