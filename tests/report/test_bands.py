from __future__ import annotations

from planner.report.bands import bands_of


def test_blocks_with_the_same_replicas_and_nodes_form_one_band(day_plan):
    bands = bands_of(day_plan, 4)

    assert [(b.hours, b.blocks) for b in bands] == [("00-12", 2), ("12-18", 1), ("18-24", 1)]


def test_a_band_holds_the_rows_of_its_blocks(day_plan):
    first = bands_of(day_plan, 4)[0]

    assert {a.block for a in first.allocations} == {0, 1}
    assert {f.block for f in first.fleet} == {0, 1}


def test_bands_never_cross_a_period(two_period_plan):
    bands = bands_of(two_period_plan, 4)

    assert [b.period for b in bands] == [0, 0, 0, 1, 1, 1]


def test_bands_cover_every_block_once(two_period_plan):
    covered = [
        (b.period, block)
        for b in bands_of(two_period_plan, 4)
        for block in range(b.first_block, b.last_block + 1)
    ]

    assert sorted(covered) == [(t, b) for t in (0, 1) for b in range(4)]
