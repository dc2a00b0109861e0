"""Writes the LP file of every constraint family: ``python -m tests.formulation.write``."""

from __future__ import annotations

from pathlib import Path

from planner.milp.families import FAMILIES
from tests.formulation.toy import write_family

if __name__ == "__main__":
    for family in FAMILIES:
        write_family(family.name, Path(__file__).parent / f"{family.name}.lp")
