"""The schema beside the sample problems, which editors read, is the current one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from planner.problem.schema import Problem

PROBLEMS = Path(__file__).parents[2] / "problems"
SCHEMA = PROBLEMS / "problem.schema.json"


def test_schema_file_is_current():
    """Renew it with ``planner schema problem > problems/problem.schema.json``."""
    stored = json.loads(SCHEMA.read_text(encoding="utf-8"))

    assert stored == Problem.model_json_schema()


@pytest.mark.parametrize("path", sorted(PROBLEMS.rglob("*.yaml")), ids=lambda p: p.stem)
def test_sample_names_its_schema(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]

    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)

    assert named is not None
    assert (path.parent / named[1]).resolve() == SCHEMA.resolve()
