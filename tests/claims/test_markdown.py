"""The table in docs/claims.md: what the command writes, and still about these claims."""

from __future__ import annotations

from pathlib import Path

import pytest

import planner
from planner.claims.list import CLAIMS
from planner.claims.markdown import HEADINGS, claims_markdown
from planner.claims.records import AssessedClaim, Claim, Effort, Finding, Range
from planner.claims.run import Assessment

PAGE = Path(planner.__file__).parents[1] / "docs" / "claims.md"
CLAIM = Claim("C1", "It is so", "70 %", "share", (), lambda _plans, _catalog: FINDING)
FINDING = Finding(0.5, Range(0.25, 0.75), "holds_when", ())
KEPT = {"kept", "missed", "left open", "not replayed"}
VERDICTS = {"`holds`", "`holds_when`", "`does_not_hold`", "`not_decidable`"}


def cells(line):
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


@pytest.fixture(scope="module")
def rows():
    """Rows of the page by number of the claim, after its headings."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = lines.index("| " + " | ".join(HEADINGS).strip() + " |")
    found = {}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            return found
        row = cells(line)
        found[row[0].partition(":")[0]] = row
    return found


def test_a_line_has_figure_range_and_verdict():
    done = Assessment((AssessedClaim(CLAIM, FINDING, (), "kept"),), Effort(0, 0, 0, 0, 0.0))

    assert claims_markdown(done).splitlines()[2:] == [
        "| C1: It is so | 70 % | 0.5 | 0.25 to 0.75 | share | `holds_when` | kept |"
    ]


def test_what_is_left_open_stands_in_the_table_in_words():
    item = AssessedClaim(CLAIM, FINDING, (), "left open", ("docs end late", "more"))

    line = claims_markdown(Assessment((item,), Effort(0, 0, 0, 0, 0.0))).splitlines()[2]

    assert line.endswith("| left open: docs end late |")


def test_the_page_has_every_claim_in_order(rows):
    assert list(rows) == [claim.id for claim in CLAIMS]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_row_of_the_page_states_the_claim_as_it_is_tested(rows, claim):
    name, claimed, found, seen, unit, verdict, kept = rows[claim.id]

    assert name == f"{claim.id}: {claim.text}"
    assert (claimed, unit) == (claim.claimed, claim.unit)
    assert verdict in VERDICTS
    assert kept.partition(":")[0] in (KEPT if claim.base else {"-"})
    low, high = (float(end.replace(",", "")) for end in seen.split(" to "))
    assert low <= float(found.replace(",", "")) <= high
