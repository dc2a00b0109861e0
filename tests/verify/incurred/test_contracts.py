"""Plans of every kind of contract cost in the replay what they say, where nothing differs."""

from __future__ import annotations

import pytest

from tests.verify.incurred.test_run import CENT, incurred

# Fixtures that are imported are those of this module too.
from tests.verify.test_capacity_blocks import block  # noqa: F401
from tests.verify.test_escalation import chained  # noqa: F401
from tests.verify.test_hours import nights  # noqa: F401
from tests.verify.test_length_growth import tokens  # noqa: F401
from tests.verify.test_moves import moving  # noqa: F401
from tests.verify.test_software import software  # noqa: F401
from tests.verify.test_spend import spending  # noqa: F401
from tests.verify.test_unserved import short  # noqa: F401
from tests.verify.test_volumes import volume  # noqa: F401

WORLDS = (
    "block", "chained", "moving", "nights", "short", "software", "spending", "volume",
)  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
def test_replayed_as_planned_every_line_is_that_of_the_plan(name, request):
    world = request.getfixturevalue(name)
    world = world[0] if isinstance(world, tuple) else world

    found = incurred(world)

    assert found.money.plan_usd == pytest.approx(world.plan.tco_usd)
    for line in found.lines:
        assert line.money.usd == pytest.approx(line.money.plan_usd, abs=CENT), line


def test_lengths_that_grow_are_sampled_at_those_of_each_period(tokens):  # noqa: F811
    """The plan is in the interval of every period, and periods differ by more than the sample."""
    uneven = {
        line.period: line.money
        for line in incurred(tokens, seeds=10).lines
        if line.category == "api" and line.money.high_usd - line.money.low_usd > CENT
    }

    assert sorted(uneven) == [0, 1]
    for money in uneven.values():
        assert money.low_usd < money.plan_usd < money.high_usd
        assert money.usd == pytest.approx(money.plan_usd, rel=0.02)
    assert uneven[1].plan_usd > 1.03 * uneven[0].plan_usd
