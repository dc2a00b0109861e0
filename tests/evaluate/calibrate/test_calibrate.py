"""Known parameters are found again; order, copies and scale of rows do what they must."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.calibration import parameter
from planner.catalog.load import with_calibration
from planner.evaluate.calibration.rows import overlay_text
from planner.evaluate.compare import compare
from planner.evaluate.observations import collect
from tests.evaluate.calibrate.toy import (
    AS_OF,
    KEY,
    MAX_LOAD,
    METRICS,
    STATIC,
    calibrated,
    clients,
    factors,
    only,
    rows,
    world,
    worst_error,
)
from tests.options.world import catalog, fp8, row

HERE = {"accelerator": "gpu-a", "engine": "vllm", "quantization": "bf16"}


def test_points_that_take_a_third_longer_give_that_factor(tmp_path):
    found = calibrated(tmp_path, rows(clients(1, 64), time=1.3))

    item = only(found)
    assert factors(item)["throughput_factor"] == pytest.approx(1 / 1.3, rel=1e-3)
    assert all(f == pytest.approx(1, abs=1e-3) for n, f in factors(item).items() if "thr" not in n)
    assert worst_error(item, "before") == pytest.approx(0.3, rel=1e-3)
    assert worst_error(item) < 1e-3
    assert (item.provenance, item.sigma_ln) == ("two_point", pytest.approx(0.12))


def test_the_factor_multiplies_that_of_the_class(tmp_path):
    before = parameter(world(), "throughput_factor", **HERE).value

    found = calibrated(tmp_path, rows(clients(1, 64), time=1.3))

    after = with_calibration(world(), [*world().calibration, *found.table])
    row = parameter(after, "throughput_factor", combination=KEY, **HERE)
    assert row.value == pytest.approx(before / 1.3, rel=1e-3)
    assert row.provenance == "two_point"


def test_two_points_recover_two_factors(tmp_path):
    found = calibrated(tmp_path, rows(clients(1, 256), time=1.2, overhead=1.5))

    item = only(found)
    assert 1 / factors(item)["throughput_factor"] == pytest.approx(1.2, rel=0.03)
    assert factors(item)["c_layer_us"] == pytest.approx(1.5, rel=0.12)
    assert worst_error(item, "before") > 0.35
    assert worst_error(item) < 0.03


def test_time_of_a_request_is_found_from_times_to_first_token(tmp_path):
    found = calibrated(tmp_path, rows(clients(1, 4), request=2))

    item = only(found)
    assert 1.5 < factors(item)["t_req_ms"] < 2
    assert 1 / factors(item)["throughput_factor"] == pytest.approx(1, rel=0.05)
    assert worst_error(item) < 0.07


def test_more_points_free_more_and_predict_better(tmp_path):
    """Prompts are slower than shipped, decodes are not: two points cannot say so."""
    pace = {"output_tokens_per_s_total": "throughput_closed_loop"}
    truth = {"compute": 0.6}
    loads = clients(1, 8, 64, 256)
    many = [r for n in (500, 6000) for r in rows(loads, pace, changes={"isl": n}, **truth)]
    two = [many[0], many[3]]

    few, item = (only(calibrated(tmp_path, m)) for m in (two, many))

    assert (few.provenance, item.provenance) == ("two_point", "calibrated")
    assert factors(few)["e_c"] == 1
    assert factors(item)["e_c"] < 0.8
    assert worst_error(item) < 0.02


def test_absurd_points_are_held_back_by_what_is_shipped(tmp_path):
    """One point is twice as slow as the other: overheads alone would have to rise tenfold."""
    measurements = [*rows(clients(1), time=2), *rows(clients(256), time=0.9)]

    item = only(calibrated(tmp_path, measurements))

    assert 1 / 5 < factors(item)["throughput_factor"] < 5
    assert factors(item)["c_layer_us"] < 4.5


def test_a_stray_point_among_many_counts_for_little(tmp_path):
    loads = clients(1, 2, 8, 16, 32, 64, 128)
    measurements = [*rows(loads, time=1.3), *rows(clients(4), time=4)]

    item = only(calibrated(tmp_path, measurements))

    assert worst_error(item, "before") > 2
    good = [f for f in item.figures if f.reading.run.load.amount != 4]
    pace = [f for f in good if f.reading.metric != "ttft_ms"]
    assert all(abs(f.after / f.reading.measured - 1) < 0.02 for f in pace)
    assert item.sigma_ln < 0.15


@pytest.mark.parametrize(
    ("loads", "metrics"),
    [(["batch=1", "batch=64"], STATIC), (["max_load", "max_batch=16"], MAX_LOAD)],
)
def test_batches_and_full_load_are_points_too(tmp_path, loads, metrics):
    item = only(calibrated(tmp_path, rows(loads, metrics, time=1.3)))

    assert factors(item)["throughput_factor"] == pytest.approx(1 / 1.3, rel=0.01)
    assert worst_error(item) < 0.01


def test_gaps_between_tokens_stand_in_for_the_time_per_token(tmp_path):
    item = only(calibrated(tmp_path, rows(clients(1, 64), {"itl_ms_mean": "itl_ms"}, time=1.3)))

    assert factors(item)["throughput_factor"] == pytest.approx(1 / 1.3, rel=1e-3)


def test_what_is_shown_is_what_the_product_predicts_with_the_overlay(tmp_path):
    measurements = rows(clients(1, 64), time=1.2, overhead=1.4)
    found = calibrated(tmp_path, measurements)

    after = with_calibration(world(), [*world().calibration, *found.table])
    compared = {
        (c.observation.run.load.amount, c.observation.metric): (c.predicted, c.sigma_ln)
        for c in compare(collect(measurements).observations, after)
    }

    for figure in only(found).figures:
        reading = figure.reading
        predicted, sigma_ln = compared[reading.run.load.amount, reading.metric]
        assert predicted == pytest.approx(figure.after)
        assert sigma_ln == (0.43 if reading.metric == "ttft_ms" else pytest.approx(0.12))


def test_left_out_points_are_predicted_by_the_others(tmp_path):
    item = only(calibrated(tmp_path, rows(clients(1, 16, 64), time=1.3)))

    assert all(f.left_out == pytest.approx(f.reading.measured, rel=0.01) for f in item.figures)
    assert item.provenance == "two_point"
    assert item.sigma_ln == pytest.approx(0.12 * (4 / 7) ** 0.5, abs=1e-3)


def test_two_points_leave_nothing_out(tmp_path):
    item = only(calibrated(tmp_path, rows(clients(1, 64))))

    assert {f.left_out for f in item.figures} == {None}


def test_many_points_are_left_out_in_groups(tmp_path):
    item = only(calibrated(tmp_path, rows(clients(*range(1, 31)), {"tpot_ms": "tpot_ms"})))

    assert all(f.left_out is not None for f in item.figures)


def test_points_that_scatter_widen_the_spread(tmp_path):
    loads = clients(1, 2, 4, 8, 16, 32, 64, 128)
    scattered = [
        row for i, load in enumerate(loads) for row in rows([load], time=1.3 if i % 2 else 1.0)
    ]

    tight, wide = (only(calibrated(tmp_path, m)) for m in (rows(loads), scattered))

    assert tight.sigma_ln == pytest.approx(0.08)
    assert wide.sigma_ln > 0.12


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1000), copies=st.integers(1, 3))
def test_order_and_copies_of_rows_change_nothing(tmp_path, seed, copies):
    base = rows(clients(1, 8, 64), time=1.2, overhead=1.3)
    shuffled = base * copies
    random.Random(seed).shuffle(shuffled)

    texts = {overlay_text(calibrated(tmp_path, m).table, "a") for m in (base, shuffled)}

    assert len(texts) == 1


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(factor=st.floats(0.8, 3))
def test_points_that_agree_give_their_common_factor_whatever_it_is(tmp_path, factor):
    item = only(calibrated(tmp_path, rows(clients(1, 64), time=factor)))

    found = factors(item)
    assert found.pop("throughput_factor") == pytest.approx(1 / factor, rel=2e-3)
    assert all(f == pytest.approx(1, abs=5e-3) for f in found.values())


def test_slower_points_never_give_a_faster_model(tmp_path):
    shares = [
        factors(only(calibrated(tmp_path, rows(clients(1, 64), overhead=1.5, time=t))))
        for t in (0.7, 1, 1.5, 2.5)
    ]

    speeds = [share["throughput_factor"] for share in shares]
    assert speeds == sorted(speeds, reverse=True)


def test_repeated_runs_of_one_point_are_one_point(tmp_path):
    again = rows(clients(1), time=1.3, changes={"source_ref": "another day"})

    item = only(calibrated(tmp_path, [*rows(clients(1, 64), time=1.3), *again]))

    assert len(item.combination.points) == 2
    assert len(item.figures) == 9


def test_an_earlier_calibration_is_no_start(tmp_path):
    measurements = rows(clients(1, 64), time=1.3)
    first = calibrated(tmp_path, measurements)
    with_first = with_calibration(world(), [*world().calibration, *first.table])

    again = calibrated(tmp_path, measurements, with_first)

    assert again.table == first.table


def test_a_later_calibration_replaces_an_earlier_one_as_a_whole(tmp_path):
    loads = clients(1, 4, 16, 64, 128, 256)
    first = calibrated(tmp_path, rows(loads, bandwidth=0.8), name="first.csv")
    later = calibrated(tmp_path, rows(clients(1, 64), time=1.1), name="later.csv")

    both = with_calibration(world(), [*world().calibration, *first.table, *later.table])
    alone = with_calibration(world(), [*world().calibration, *later.table])

    assert {r.key for r in first.table} == {r.key for r in later.table}
    assert both.sha256 == alone.sha256


def test_parameters_that_no_point_reached_stay_as_shipped(tmp_path):
    item = only(calibrated(tmp_path, rows(clients(1, 256), overhead=1.5)))

    assert factors(item)["c_layer_us"] > 1.3
    assert {factors(item)[n] for n in ("a_ar_us", "c_moe_us", "e_m_moe", "e_c_moe")} == {1}


def test_all_reduces_are_reached_by_a_split_replica(tmp_path):
    split = {"n_gpus": 2, "tp": 2}

    item = only(calibrated(tmp_path, rows(clients(1, 256), overhead=1.5, changes=split)))

    assert factors(item)["a_ar_us"] == factors(item)["c_layer_us"] > 1.2


def test_every_row_says_where_it_comes_from(tmp_path):
    table = calibrated(tmp_path, rows(clients(1, 64))).table

    assert {(r.source, r.as_of, r.scope, r.key_id) for r in table} == {
        ("planner calibrate measured.csv", AS_OF, "combination", KEY)
    }
    assert {r.provenance for r in table} == {"two_point"}


def test_shipped_names_are_not_foreign_and_those_of_an_overlay_are(tmp_path):
    """The toy world has no shipped tables, so all of its names are those of an overlay."""
    found = calibrated(tmp_path, rows(clients(1, 64)))

    assert found.foreign == ("bf16", "gpu-a", "model-a", "vllm")


def test_a_measured_cache_of_8_bits_holds_for_the_format_that_has_it(tmp_path):
    formats = [row("quantizations"), fp8(kv_bytes=2), fp8(id="fp8-kv8", kv_bytes=1)]
    both = catalog(quantizations=formats)
    cells = {"weight_precision": "fp8", "kv_precision": "fp8"}

    found = calibrated(tmp_path, rows(clients(1, 64), METRICS, both, changes=cells), both)

    assert only(found).combination.keys == (
        "model-a/fp8/vllm/gpu-a",
        "model-a/fp8-kv8/vllm/gpu-a",
    )
