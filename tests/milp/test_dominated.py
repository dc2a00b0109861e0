"""Options that another one dominates in some blocks only."""

from __future__ import annotations

import pytest

from planner.milp import program_limits
from planner.milp.sets import build_sets
from tests.options.test_excluded import GRID, options_of
from tests.options.world import demand, problem, workload


def blocks_by_option(asked, found):
    """Return the blocks of the program in which each option serves."""
    sets = build_sets(demand(asked), found, program_limits(asked))
    return {
        sets.option_of(c).id: {s for s in sets.slots() if column.mu_rps[s[0]][s[1]]}
        for c, column in enumerate(sets.columns)
    }


@pytest.mark.parametrize("scaling", ["hourly", "static"])
@pytest.mark.parametrize("field", ["excluded_options", "headroom"])
def test_the_worse_option_serves_where_the_better_one_cannot_or_carries_little(field, scaling):
    sections = {**GRID, "policy": {"scaling": scaling}}
    before = options_of(workload(), **sections)
    (winner,), (loser,) = ([o.id for o in group] for group in (before.options, before.dominated))
    where = {"option": winner, "periods": [1], "blocks": [0, 2]}
    item = where if field == "excluded_options" else {"factor": 100.0, **where}

    asked = problem(workload(**{field: [item]}), **sections)
    found = options_of(workload(**{field: [item]}), **sections)
    blocks = blocks_by_option(asked, found)

    every, there = {(t, b) for t in range(2) for b in range(4)}, {(1, 0), (1, 2)}
    if scaling == "hourly":  # with a hundredth of its capacity the better one is the worse
        assert (blocks[winner], blocks[loser]) == (every - there, there)
    else:  # replicas that are the same in all blocks need an option that serves in all of them
        assert blocks[winner] == (every - there if field == "excluded_options" else every)
        assert blocks[loser] == every
