from __future__ import annotations

from dataclasses import replace

from planner.report.bands import bands_of


def test_blocks_with_the_same_replicas_and_nodes_form_one_band(day_plan):
    bands = bands_of(day_plan)

    assert [(b.clock, len(b.times)) for b in bands] == [("00-12", 2), ("12-18", 1), ("18-24", 1)]


def test_a_band_holds_the_rows_of_its_blocks(day_plan):
    first = bands_of(day_plan)[0]

    assert {a.block for a in first.allocations} == {0, 1}
    assert {f.block for f in first.fleet} == {0, 1}


def test_bands_never_cross_a_period(two_period_plan):
    bands = bands_of(two_period_plan)

    assert [b.period for b in bands] == [0, 0, 0, 1, 1, 1]


def test_bands_never_cross_a_type_of_day(day_plan):
    times = [
        replace(time, day_type="weekday" if time.block < 1 else "weekend")
        for time in day_plan.time_blocks
    ]

    bands = bands_of(replace(day_plan, time_blocks=tuple(times)))

    assert [b.day_type for b in bands[:2]] == ["weekday", "weekend"]
    assert [b.clock for b in bands[:2]] == ["00-06", "06-12"]


def test_bands_cover_every_block_once(two_period_plan):
    covered = [
        (b.period, block)
        for b in bands_of(two_period_plan)
        for block in range(b.first_block, b.last_block + 1)
    ]

    assert sorted(covered) == [(t, b) for t in (0, 1) for b in range(4)]
