"""Decisions among configurations whose figures are written down by hand."""

import math

import pytest

from planner.evaluate.choices import choices_of, chosen_errors
from planner.evaluate.compare import Compared
from planner.evaluate.decisions import decide
from planner.evaluate.observations import collect
from tests.evaluate.rows import measured


def configuration(gpus, *, tpot, rate, seen_tpot=None, seen_rate=None, sigma=0.0, **changes):
    """Return both figures: predicted `tpot` and `rate`, measured the same unless stated."""
    rows = [
        measured(metric=metric, value=value, n_gpus=gpus, tp=gpus, **changes)
        for metric, value in (
            ("tpot_ms", seen_tpot or tpot),
            ("output_tokens_per_s_total", seen_rate or rate),
        )
    ]
    predicted = {"tpot_ms": tpot, "throughput_closed_loop": rate}
    return [
        Compared(o, predicted[o.metric], "", sigma, True, True) for o in collect(rows).observations
    ]


def picks(items, confidence=0.5):
    return {d.limit_ms: None if d.pick is None else d.pick.gpus for d in decide(items, confidence)}


def test_highest_output_per_accelerator_within_the_limit_is_picked():
    fast, frugal = configuration(8, tpot=10, rate=8000), configuration(1, tpot=30, rate=2000)

    # Below 30 ms only the fast one keeps the limit; above, the frugal one gives 2,000 per device.
    assert picks(fast + frugal) == {12: 8, 20: 8, 35: 1, 60: 1}


def test_limits_that_nothing_keeps_ask_for_no_decision():
    slow, slower = configuration(8, tpot=40, rate=400), configuration(1, tpot=50, rate=100)

    assert picks(slow + slower) == {60: 1}


def test_one_configuration_is_no_choice():
    assert picks(configuration(1, tpot=10, rate=100)) == {}


def test_only_hardware_parallelism_and_clients_may_differ():
    one = configuration(1, tpot=10, rate=100)

    for changes in ({"isl": 5}, {"model": "b"}, {"engine": "SGLang"}, {"source": "b"}):
        assert picks(one + configuration(2, tpot=11, rate=100, **changes)) == {}
    other = {"gpu": "b", "concurrency_or_rate": "concurrency=99"}
    assert picks(one + configuration(2, tpot=11, rate=100, **other)) != {}


def test_a_pick_may_turn_out_to_miss_its_limit():
    items = configuration(1, tpot=12, rate=900, seen_tpot=13.3) + configuration(
        2, tpot=10, rate=1000
    )

    first = decide(items)[0]

    assert (first.limit_ms, first.pick.gpus, first.is_kept) == (12, 1, False)
    assert first.share_of_best is None
    assert first.best_per_gpu == 500


def test_ten_percent_above_the_limit_are_kept():
    items = configuration(1, tpot=12, rate=900, seen_tpot=13.2) + configuration(
        2, tpot=10, rate=1000
    )

    assert decide(items)[0].is_kept


def test_output_is_compared_with_the_best_that_was_measured():
    items = configuration(1, tpot=10, rate=900, seen_rate=300) + configuration(
        2, tpot=10, rate=1000, seen_rate=1200
    )

    first = decide(items)[0]

    assert first.pick.gpus == 1
    assert first.share_of_best == pytest.approx(300 / 600)


def test_a_pick_that_is_kept_within_the_tolerance_only_is_no_better_than_the_best():
    items = configuration(1, tpot=12, rate=900, seen_tpot=13) + configuration(
        2, tpot=10, rate=1000
    )

    assert decide(items)[0].share_of_best == 1


def test_what_is_missed_is_a_decision_without_a_pick():
    items = configuration(1, tpot=80, rate=900, seen_tpot=50) + configuration(
        2, tpot=90, rate=900, seen_tpot=55
    )

    (decision,) = decide(items)

    assert (decision.limit_ms, decision.pick, decision.best_per_gpu) == (60, None, 900)


def test_confidence_keeps_a_margin_to_the_limit():
    items = configuration(1, tpot=11, rate=900, sigma=0.2) + configuration(
        2, tpot=10, rate=100, sigma=0.2
    )

    assert picks(items)[12] == 1
    assert picks(items, confidence=0.8)[12] == 2  # 11 ms x exp(0.8416 x 0.2) = 13.0 ms


def test_figures_of_other_parts_and_without_prediction_are_no_candidates():
    items = configuration(1, tpot=10, rate=900)
    (unknown, *_) = configuration(2, tpot=10, rate=900)
    (late,) = collect([measured(metric="tpot_ms_p99")]).observations

    extra = [
        Compared(unknown.observation, None, "engine", None, True, True),
        Compared(late, 5.0, "", 0.2, True, True),
    ]

    assert decide(items + extra) == ()


def test_how_decisions_turned_out_is_summed_up():
    items = (
        configuration(1, tpot=12, rate=900, seen_tpot=13.3, seen_rate=800)
        + configuration(2, tpot=10, rate=1000)
        + configuration(4, tpot=30, rate=8000)
    )

    total, at12, at20, *_ = choices_of(decide(items), 0.5)

    assert (total.name, total.decisions, total.picks) == ("chosen", 4, 4)
    assert total.kept == pytest.approx(3 / 4)
    assert total.best_median == pytest.approx(1)
    assert (at12.name, at12.kept, at12.best_mean) == ("chosen:12ms", 0, None)
    assert (at20.name, at20.kept, at20.best_mean) == ("chosen:20ms", 1, pytest.approx(1))


def test_errors_on_picks_count_a_configuration_once():
    items = configuration(1, tpot=10, rate=1000, seen_tpot=11, sigma=0.2) + configuration(
        2, tpot=10, rate=900, sigma=0.2
    )

    found = {(e.name, e.metric): e for e in chosen_errors(decide(items))}

    chosen = found["chosen", "tpot_ms"]
    assert (chosen.errors.n, chosen.n_skipped) == (1, 0)
    assert chosen.errors.median_ape == pytest.approx(1 / 11)
    assert chosen.errors.log_bias == pytest.approx(math.log(1.1))
    assert chosen.errors.coverage_80 == 1
    assert found["chosen", "throughput_closed_loop"].errors.median_ape == 0
    assert found["chosen", "ttft_ms"].errors.n == 0


def test_without_decisions_there_is_nothing_to_sum_up():
    (total,) = choices_of((), 0.5)

    assert (total.decisions, total.picks, total.kept, total.best_mean) == (0, 0, None, None)
