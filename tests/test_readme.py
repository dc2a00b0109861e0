"""The README's commands and problem; its example is tested where its problem is solved.

``python tests/test_readme.py`` writes the current output into the README.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.report.text import write_plan

if TYPE_CHECKING:
    from planner.plan.document import Plan
    from planner.preparation import Prepared

README = Path(__file__).parents[1] / "README.md"
PROBLEM = "problems/chatbot_1m.yaml"
BLOCK = re.compile(
    r"(<!-- example: planner solve problems/chatbot_1m.yaml -->\n```\n)(.*?)(```\n)", re.DOTALL
)
SECONDS = re.compile(r"\d+\.\d s,")
WIDTH = "140"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(plan: Plan, prepared: Prepared) -> str:
    """Return what the command of the example prints of its plan."""
    horizon = prepared.loaded.problem.horizon
    out = _Terminal()
    with mock.patch.dict(os.environ, {"COLUMNS": WIDTH, "NO_COLOR": "1", "TERM": "xterm"}):
        write_plan(
            out,
            plan,
            horizon.periods * horizon.months_per_period,
        )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def is_example(text: str) -> bool:
    """Return whether a text is the example, but for the seconds that it took."""
    shown = BLOCK.search(README.read_text(encoding="utf-8"))
    assert shown is not None
    return SECONDS.sub("", shown.group(2)) == SECONDS.sub("", text)


def test_both_commands_of_the_set_up_stand_in_the_readme():
    text = README.read_text(encoding="utf-8")

    for command in (
        "python3 -m venv .venv && .venv/bin/pip install -q -e .        "
        "&& .venv/bin/planner solve problems/chatbot_1m.yaml",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest -q",
    ):
        assert command in text


def test_the_smallest_problem_of_the_readme_solves(tmp_path):
    text = README.read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    file = tmp_path / "mine.yaml"
    file.write_text(block.group(1), encoding="utf-8")

    # On all hardware of the catalogue it takes a minute and says no more of the text.
    few = ("candidates.hardware=[h100-sxm-80gb]", "candidates.tensor_parallel=[1]")
    plan = solve_prepared(prepare(file, assignments=few), SolveSettings(gap=0.05, compare=False))

    assert plan.status == "optimal"
    assert plan.cost_usd is not None
    assert plan.cost_usd > 0


if __name__ == "__main__":
    content = README.read_text(encoding="utf-8")
    asked = prepare(PROBLEM)
    text = printed(solve_prepared(asked, SolveSettings()), asked)
    README.write_text(BLOCK.sub(lambda m: m[1] + text + m[3], content), encoding="utf-8")
