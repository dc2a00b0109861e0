"""A pool through its blocks: nobody is lost or served twice, whatever comes and goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.verify.replay.router import simulate
from planner.verify.replay.through import REFUSED, Phase, simulate_through
from tests.verify.replay.world import drawn, engine, requests

PLAIN = engine(seats=4)
SINGLE = engine(seats=1, dense_token_s=0.0, request_s=0.0)


def through(engines, phases, mine, station, seed=0):
    whole = np.asarray(station, dtype=np.int64)
    return simulate_through(
        engines, phases, [mine] * len(engines), whole, rng=np.random.default_rng(seed)
    )


def phase(start_s, end_s, replicas, *shares):
    return Phase(start_s, end_s, tuple(replicas), np.array(shares, dtype=float))


def test_one_phase_is_a_plain_simulation():
    mine = drawn(1, 300, 5.0)
    plain = simulate(PLAIN, 3, mine)

    served = through([PLAIN], [phase(0.0, 1e9, [3], [1.0])], mine, [0] * 300)

    assert served.first_s - mine.arrival_s == pytest.approx(plain.ttft_s)
    assert served.done_s - mine.arrival_s == pytest.approx(plain.e2e_s)
    assert (served.times == 1).all()


def test_a_queue_goes_on_into_the_next_phase_by_hand():
    """Each takes 20 steps of 10 ms. Ten come at once; a second replica comes after 1 s."""
    mine = requests([0.0] * 10, isl=10, osl=20)
    phases = [phase(0.0, 1.0, [1], [1.0]), phase(1.0, 2.0, [2], [1.0])]

    served = through([SINGLE], phases, mine, [0] * 10)

    # The router gave all to the first: the second has nobody to take from, and they queue on.
    assert served.done_s == pytest.approx(0.2 * np.arange(1, 11))


def test_what_an_option_still_holds_is_computed_again_by_the_next():
    mine = requests([0.0] * 5, isl=10, osl=20)
    phases = [phase(0.0, 0.5, [1, 0], [1.0, 0.0]), phase(0.5, 9.0, [0, 1], [0.0, 1.0])]

    served = through([SINGLE, SINGLE], phases, mine, [0] * 5)

    # Two are done by 0.4 s, the third has its first token, and is begun anew at 0.5 s.
    assert served.done_s == pytest.approx([0.2, 0.4, 0.7, 0.9, 1.1])
    assert served.first_s == pytest.approx([0.01, 0.21, 0.41, 0.71, 0.91])
    assert served.station.tolist() == [0, 0, 1, 1, 1]
    assert served.times.tolist() == [1] * 5


def test_requests_wait_where_nobody_is_and_are_never_done_where_nobody_comes():
    mine = requests([0.0] * 3, isl=10, osl=20)
    away = phase(0.1, 5.0, [0], [0.0])

    back = through(
        [SINGLE], [phase(0.0, 0.1, [1], [1.0]), away, phase(5.0, 9.0, [1], [1.0])], mine, [0] * 3
    )
    never = through([SINGLE], [phase(0.0, 0.1, [1], [1.0]), away], mine, [0] * 3)

    assert back.done_s == pytest.approx([5.2, 5.4, 5.6])
    assert np.isinf(never.done_s).all()
    assert never.times.sum() == 0


def test_refused_requests_are_nobodys():
    mine = requests([0.0, 0.0], isl=10, osl=20)

    served = through([SINGLE], [phase(0.0, 1.0, [1], [1.0])], mine, [REFUSED, 0])

    assert np.isinf(served.done_s).tolist() == [True, False]


@given(
    counts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5),
    rate=st.floats(0.5, 20.0),
    seed=st.integers(0, 50),
)
@settings(max_examples=40, deadline=None)
def test_every_request_is_served_once(counts, rate, seed):
    """Options and replicas come and go; the last phase has some."""
    counts = [*counts, (1, 1)]
    phases, edges = [], [20.0 * n for n in range(len(counts) + 1)]
    for number, mine in enumerate(counts):
        share = np.array([[float(n > 0) for n in mine]] * 2)
        share = share / share.sum(axis=1, keepdims=True) if share.any() else share
        phases.append(Phase(edges[number], edges[number + 1], mine, share))
    arrived = drawn(seed, 200, rate, kinds=2)
    rng = np.random.default_rng(seed)
    places = np.minimum((arrived.arrival_s // 20.0).astype(int), len(counts) - 1)
    station = np.array(
        [
            int(rng.choice(2, p=phases[n].shares[0])) if phases[n].shares.any() else 0
            for n in places
        ]
    )

    served = through([PLAIN, engine(seats=2)], phases, arrived, station, seed)

    assert (served.times == 1).all()
    assert (served.first_s > arrived.arrival_s).all()
    assert (served.done_s >= served.first_s).all()
    busy = sum(page.busy_s for pages in served.pages for page in pages)
    assert busy > 0
    gaps = sum(g.total for pages in served.pages for page in pages for g in page.gaps)
    # Gaps of requests that are begun anew count again.
    assert gaps <= 2 * float((arrived.osl_tokens - 1).sum()) * len(counts)


def test_pages_hold_what_is_done_in_their_phase():
    mine = requests(np.arange(0.0, 20.0, 0.5), isl=10, osl=20)
    phases = [phase(0.0, 10.0, [1], [1.0]), phase(10.0, 20.0, [1], [1.0])]

    served = through([SINGLE], phases, mine, [0] * 40)

    for page in served.pages[0]:
        assert page.busy_s == pytest.approx(20 * 0.2)
        assert page.gaps[0].total == 20 * 19
        assert page.prompts_s == pytest.approx(20 * 0.01)
