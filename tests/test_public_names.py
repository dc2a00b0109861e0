from __future__ import annotations

import subprocess
import sys

import pytest

import planner


@pytest.mark.parametrize("name", planner.__all__)
def test_public_name_loads(name):
    assert getattr(planner, name) is not None


def test_every_public_name_is_listed_for_completion():
    assert set(planner.__all__) <= set(dir(planner))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'solve_all'"):
        planner.solve_all  # noqa: B018


def test_command_line_starts_without_the_heavy_libraries():
    code = (
        "import sys, planner.cli.main\n"
        "print([m for m in ('numpy', 'pulp', 'highspy', 'ruamel.yaml') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
