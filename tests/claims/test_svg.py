"""Charts: round ticks, every point, the claimed values, and no markup from names."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from planner.claims.records import Chart, Series
from planner.claims.svg import svg_of, ticks


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (-3.0, 7.0, (-2.0, 0.0, 2.0, 4.0, 6.0)),
        (5.0, 5.0, (5.0,)),
    ],
)
def test_ticks_are_round_numbers_within_the_ends(low, high, found):
    assert ticks(low, high) == pytest.approx(found)


def test_a_chart_is_well_formed_and_shows_points_and_claims():
    series = Series("<b>", ((1.0, 0.5), (100.0, 0.7)))

    root = ET.fromstring(svg_of(Chart("x & y", "share", (series,), (0.6,), is_log_x=True)))

    assert len(root.findall("circle")) == 2
    assert [line.get("class") for line in root.findall("line")].count("claimed") == 1
    assert {c.get("cx") for c in root.findall("circle")} == {"70.0", "620.0"}


def test_a_chart_without_points_is_nothing():
    assert svg_of(Chart("x", "y", (Series("s", ()),))) == ""
