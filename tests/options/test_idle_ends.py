"""What ends inside a period is paid to its end and used until the period begins: that is said."""

from __future__ import annotations

import pytest

from planner.options.idle_ends import idle_ends
from planner.problem.load import load_problem

SET = {
    "existing": "supply.existing=[{{hardware: h100-sxm-80gb, tenure: owned, nodes: 3, "
    "accelerators_per_node: 8, usd_per_node_hour: 1.0, until: {until}}}]",
    "spend_commitments": "supply.spend_commitments=[{{name: old, provider: runpod, "
    "committed_usd_per_hour: 6, until: {until}, discount: 0.4}}]",
}


def problem(what, until, months):
    assignments = [
        "horizon.start=2027-01",
        "horizon.periods=2",
        f"horizon.months_per_period={months}",
        SET[what].format(until=until),
    ]
    return load_problem("chatbot_1m", None, assignments).problem


@pytest.mark.parametrize("what", SET)
@pytest.mark.parametrize(
    ("months", "until", "used_until"),
    [
        (6, "2027-05", "2027-01"),  # in the first period, of which nothing is used
        (6, "2027-12", "2027-07"),  # in the second
        (6, "2027-07", None),  # at its end
        (6, "2028-01", None),  # with the horizon
        (6, "2028-03", None),  # after it
        (3, "2027-04", None),
        (3, "2027-05", "2027-04"),
        (1, "2027-02", None),
    ],
)
def test_an_end_inside_a_period_is_said_with_the_month_until_which_it_is_used(
    what, months, until, used_until
):
    found = idle_ends(problem(what, until, months))

    if used_until is None:
        assert found == []
    else:
        (note,) = found
        assert note.startswith(f"supply.{what}")
        assert (
            f"ends inside a period ({until}): it is paid until then and used until {used_until}"
            in note
        )
