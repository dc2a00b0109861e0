"""``planner scenarios fit`` as a user runs it."""

from __future__ import annotations

import pytest

from planner.yaml_io import parse_value


def test_the_command_writes_a_section_that_a_problem_can_hold(planner, tmp_path):
    done = planner(
        *("scenarios", "fit", "two_year_budget", "--trend", "api=tokens-openai-small"),
        *("--growth-sd", 0.2, "-o", "scenarios.yaml"),
    )

    data = parse_value((tmp_path / "scenarios.yaml").read_text(encoding="utf-8"))
    assert done.code == 0
    assert "from 14 readings" in done.err
    assert sum(s["probability"] for s in data["scenarios"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("trend", "message"),
    [("api", "write FIELD=TREND"), ("apis=x", "`apis` is no price; did you mean `api`")],
)
def test_a_trend_that_is_misspelt_is_refused(planner, trend, message):
    done = planner("scenarios", "fit", "two_year_budget", "--trend", trend)

    assert done.code == 2
    assert message in done.err
