"""A difference of two plans is shown as far as it is proven, and no further."""

import pytest

from planner.report.between import Difference

POOR = (1_798_721.0, 73.6, 1_798_748.0)
"""A plan that a solver had no time for, far above its bound."""


@pytest.mark.parametrize(
    ("limits", "is_proven", "shown"),
    [
        # both plans are optimal, or nearly: the figure
        ((824.78, 824.78, 824.78), True, "824.78"),
        ((128_371.0, 128_353.0, 128_415.0), True, "128,371"),
        ((0.0, 0.0, 0.0), True, "0.00"),
        ((1_000.0, 950.0, 1_050.0), True, "1,000"),
        # a tenth of the figure apart, or a plan outside the gap: its limits beside it
        ((1_000.0, 900.0, 1_050.0), True, "1,000 (900.00 to 1,050)"),
        ((14_696.0, 14_665.0, 16_046.0), False, "14,696 (14,665 to 16,046)"),
        ((-60_607.0, -61_000.0, -60_600.0), False, "-60,607 (-61,000 to -60,600)"),
        # farther apart than half of the figure: the limits alone
        ((-90_055.0, -90_067.0, -24_212.0), False, "-90,067 to -24,212"),
        (POOR, False, "73.60 to 1,798,748"),
        ((824.78, 0.0, 852.51), False, "0.00 to 852.51"),
        ((-824.78, -1_840.0, 2_266.0), True, "-1,840 to 2,266"),
        # a plan that was found later beats the one that it is held against
        ((-50.0, 0.0, 20.0), True, "0.00 to 20.00"),
        # one side is proven
        ((5_000.0, 70.0, None), False, "at least 70.00"),
        ((5_000.0, None, 9_000.0), False, "at most 9,000"),
        ((None, 70.0, None), False, "at least 70.00"),
        ((None, None, -70.0), False, "at most -70.00"),
        # nothing is
        ((None, -70.0, None), False, "-"),
        ((None, None, 70.0), False, "-"),
        ((5_000.0, None, None), False, "-"),
        ((None, None, None), False, "-"),
    ],
)
def test_a_difference_is_shown_as_far_as_it_is_proven(limits, is_proven, shown):
    assert str(Difference(*limits, is_proven=is_proven)) == shown


def test_limits_stand_beside_a_figure_that_is_not_proven_however_close_they_are():
    assert Difference(1_000.0, 999.98, 1_000.0, is_proven=False).is_between
    assert not Difference(1_000.0, 999.995, 1_000.0, is_proven=False).is_between
