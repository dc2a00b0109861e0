"""Where blocks with the same replicas begin to keep their limits is found by halving."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.verify.replay import boundary
from planner.verify.replay.blocks import How, Part
from planner.verify.replay.boundary import parted
from planner.verify.replay.busiest import busiest
from planner.verify.replay.sampling import Sampled
from tests.options.world import problem, workload
from tests.verify.replay.test_sampling import case, stream

HOW = How(seed=0, seeds=2, full=False, carry=True, alone=False)
RATES = np.linspace(24.0, 22.0, 9)
ASKED = problem(workload(), time_blocks=12)


def blocks():
    return [
        replace(case(stream(rate=float(rate))), places=((0, number),))
        for number, rate in enumerate(RATES)
    ]


def rate(part):
    return part.case.streams[0].rate_rps


def parts(cases):
    return [Part(one, Sampled((), 0, 1.0, 0.0)) for one in cases]


@pytest.mark.parametrize("first_kept", range(1, 10))
def test_each_block_gets_its_own_verdict_with_few_simulations(monkeypatch, first_kept):
    """Blocks from some rate on keep a limit: the verdict of each, found with 4 of 9 at most."""
    simulated = []

    def simulate(cases, _problem, _limits, how, _on_done):
        assert not how.carry
        simulated.extend(cases)
        return parts(cases)

    monkeypatch.setattr(boundary, "parts_of", simulate)
    monkeypatch.setattr(
        boundary, "keeps_all", lambda part, *_: rate(part) <= [*RATES, 0.0][first_kept]
    )
    few = busiest(blocks(), ASKED)

    found, missed = parted(
        parts(few), blocks(), ASKED, {}, {}, how=HOW, on_done=lambda *_: None
    )  # fmt: skip

    assert len(few) == 1
    assert {block for _, _, block in missed} == set(range(first_kept))
    stands = [tuple(block for _, block in part.case.places) for part in found]
    expected = [tuple(range(first_kept)), tuple(range(first_kept, 9))]
    assert stands == [mine for mine in expected if mine]
    # What stands for others has the most traffic of them.
    assert [rate(part) for part in found] == [RATES[mine[0]] for mine in stands]
    assert len(simulated) <= 4


def test_what_keeps_its_limits_and_whole_days_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(boundary, "keeps_all", lambda part, *_: rate(part) < 23.0)
    day, fine = parts(busiest(blocks(), ASKED))[0], parts(blocks()[-1:])[0]
    day = replace(day, is_carried=True)

    found, missed = parted(
        [day, fine], blocks(), ASKED, {}, {}, how=HOW, on_done=lambda *_: None
    )  # fmt: skip

    assert found == [day, fine]
    assert missed == set()
