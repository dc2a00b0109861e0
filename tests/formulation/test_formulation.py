"""Every constraint family writes exactly the rows that are checked in beside this file.

To accept a change that is meant, write the files again with
``python -m tests.formulation.write`` and read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.milp.families import FAMILIES
from tests.formulation.toy import LIMITS, write_family

FOLDER = Path(__file__).parent
NAMES = [family.name for family in FAMILIES]


@pytest.mark.parametrize("name", NAMES)
def test_a_family_writes_the_rows_that_are_checked_in(name, tmp_path):
    written = tmp_path / "family.lp"

    write_family(name, written)

    assert written.read_text() == (FOLDER / f"{name}.lp").read_text()


def test_every_family_has_an_lp_file_and_every_lp_file_a_family():
    files = {path.stem for path in FOLDER.glob("*.lp")}

    assert files == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_lp_file_is_without_rows(name):
    text = (FOLDER / f"{name}.lp").read_text()

    rows = text.split("Subject To")[1].split("Bounds")[0]

    assert ":" in rows


def test_limits_of_the_toy_belong_to_registered_families():
    assert set(LIMITS) <= set(NAMES)


def test_family_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)
