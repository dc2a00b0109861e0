"""Predictions against the performance model called for one replica alone."""

from dataclasses import replace

import numpy as np
import pytest

from planner.evaluate.cases import CaseBuilder
from planner.evaluate.names import names_of
from planner.evaluate.predict import Predictor
from planner.evaluate.runs import run_of
from planner.perf.activity import ideal_step, steady_activity
from planner.perf.closed_loop import closed_loop, max_load
from planner.perf.memory import memory_fit
from planner.perf.power import power_model
from planner.perf.spec import engine_limits
from planner.perf.static_batch import static_batch
from planner.perf.step import step_model
from tests.evaluate.rows import measured
from tests.options.world import catalog, row

ISL, OSL = 1000, 200


@pytest.fixture(scope="module")
def builder():
    world = catalog()
    return CaseBuilder(world, names_of(world))


def predictions(builder, *rows):
    runs = [run_of(row) for row in rows]
    return Predictor([(run, builder.case(run)) for run in runs]).predictions()


class Alone:
    """One replica, with every time over the factor of its class."""

    def __init__(self, builder, **changes):
        self.case = builder.case(run_of(measured(**changes)))
        spec = self.case.spec
        factor = 1 / self.case.trust.throughput_factor
        self.step = step_model([spec]).scaled(factor)
        limits = engine_limits([spec])
        self.engine = replace(limits, request_s=limits.request_s * factor)
        self.fit = memory_fit([spec], max_tokens_per_request=0)
        self.capacity = self.fit.kv_capacity_tokens

    def closed(self, clients):
        return closed_loop(
            self.step, self.engine, self.capacity, self.case.loop, ISL, OSL, clients
        )

    def offline(self, most=np.inf):
        engine = replace(self.engine, max_num_seqs=np.minimum(self.engine.max_num_seqs, most))
        return max_load(self.step, engine, self.capacity, self.case.loop, ISL, OSL)

    def batch(self, size):
        return static_batch(self.step, self.engine, self.case.loop, ISL, OSL, size)


def test_class_default_slows_down_hardware_without_a_calibration(builder):
    assert Alone(builder).case.trust.throughput_factor < 1


def test_clients_keep_a_replica_busy(builder):
    (found,) = predictions(builder, measured())
    alone = Alone(builder).closed(16)

    for percentile in (None, 50.0):
        for metric, value_s in (("ttft_ms", alone.ttft_s), ("tpot_ms", alone.tpot_s)):
            assert found.figures[metric, percentile] == pytest.approx(value_s[0] * 1e3)
        assert found.figures["itl_ms", percentile] == found.figures["tpot_ms", percentile]
    rate = found.figures["throughput_closed_loop", None]
    assert rate == pytest.approx(alone.output_tokens_per_s[0])
    assert ("ttft_ms", 99.0) not in found.figures


def test_replicas_share_the_clients_and_add_up(builder):
    (found,) = predictions(builder, measured(n_gpus=4, tp=1, concurrency_or_rate="concurrency=64"))
    alone = Alone(builder).closed(16)

    assert found.figures["tpot_ms", None] == pytest.approx(alone.tpot_s[0] * 1e3)
    rate = found.figures["throughput_closed_loop", None]
    assert rate == pytest.approx(4 * alone.output_tokens_per_s[0])


def test_replicas_without_a_client_are_idle(builder):
    (found,) = predictions(builder, measured(n_gpus=4, tp=1, concurrency_or_rate="concurrency=2"))
    alone = Alone(builder).closed(1)

    rate = found.figures["throughput_closed_loop", None]
    assert rate == pytest.approx(2 * alone.output_tokens_per_s[0])


def test_maximum_load_is_bounded_by_a_stated_batch(builder):
    free, bound = predictions(
        builder,
        measured(concurrency_or_rate="max_load"),
        measured(concurrency_or_rate="max_batch=16"),
    )
    alone = Alone(builder)

    key = ("throughput_max_load", None)
    assert free.figures[key] == pytest.approx(alone.offline().output_tokens_per_s[0])
    assert bound.figures[key] == pytest.approx(alone.offline(16).output_tokens_per_s[0])
    assert bound.figures[key] < free.figures[key]


def test_static_batches_run_at_once_while_they_fit(builder):
    (found,) = predictions(builder, measured(concurrency_or_rate="batch=8"))
    alone = Alone(builder).batch(8)

    rate = found.figures["throughput_static", None]
    assert rate == pytest.approx(alone.output_tokens_per_s[0])


def test_static_batches_beyond_the_cache_run_in_waves(builder):
    large, larger = predictions(
        builder,
        measured(concurrency_or_rate="batch=5000"),
        measured(concurrency_or_rate="batch=10000"),
    )

    key = ("throughput_static", None)
    assert larger.figures[key] == pytest.approx(large.figures[key])


def test_open_arrivals_are_predicted_below_the_highest_stable_rate(builder):
    slow, busy, over = predictions(
        builder,
        *(measured(concurrency_or_rate=f"qps={rate}") for rate in (0.01, 2, 1000)),
    )
    idle = Alone(builder).closed(1)

    assert slow.figures["tpot_ms", None] == pytest.approx(idle.tpot_s[0] * 1e3, rel=0.02)
    assert busy.figures["tpot_ms", None] > slow.figures["tpot_ms", None]
    assert busy.figures["ttft_ms", 99.0] > busy.figures["ttft_ms", 50.0]
    assert np.isnan(over.figures["ttft_ms", None])


def test_replicas_share_the_arrivals(builder):
    one, four = predictions(
        builder,
        measured(concurrency_or_rate="qps=2"),
        measured(concurrency_or_rate="qps=8", n_gpus=4, tp=1),
    )

    assert four.figures["tpot_ms", None] == pytest.approx(one.figures["tpot_ms", None])


def test_serving_engines_reserve_their_share_of_the_memory(builder):
    (found,) = predictions(builder, measured(n_gpus=2, tp=1))
    fit = Alone(builder).fit

    held = found.figures["memory_bytes", None]
    assert held == pytest.approx(2 * fit.usable_bytes_per_gpu[0])


def test_other_programs_hold_weights_cache_and_one_prompt(builder):
    row = {"engine": "HF Transformers", "concurrency_or_rate": "batch=2"}
    (found,) = predictions(builder, measured(**row))
    fit = Alone(builder, **row).fit

    # 2 x 32 layers x 8 heads x 128 x 2 B of cache, 10 x 2 B x 4096 of activations per token.
    cached = 2 * (ISL + OSL) * 2 * 32 * 8 * 128 * 2
    live = 2 * ISL * 10 * 2 * 4096
    held = found.figures["memory_bytes", None]
    assert held == pytest.approx(fit.weight_bytes_per_gpu[0] + cached + live)


def test_old_transformers_hold_the_logits_of_every_position(builder):
    row = {"engine": "HF Transformers", "concurrency_or_rate": "batch=2"}
    old, new, unknown = (
        found.figures["memory_bytes", None]
        for found in predictions(
            builder,
            *(measured(**row, engine_version=version) for version in ("4.38.2", "4.46.0", "")),
        )
    )

    # 2 and 4 bytes for each of 128,256 tokens of the vocabulary at every prompt position.
    assert old - new == pytest.approx(2 * ISL * 128_256 * 6)
    assert unknown == new


def test_weights_that_leave_no_room_do_not_fit(builder):
    fine, large = predictions(builder, measured(), measured(isl=10_000_000))

    assert fine.fits
    assert not large.fits


def test_each_run_is_predicted_as_if_it_were_alone(builder):
    rows = [
        measured(concurrency_or_rate=load, isl=isl, weight_precision=fmt)
        for load in ("concurrency=4", "max_load", "batch=3", "qps=1")
        for isl in (100, 3000)
        for fmt in ("bf16", "fp8")
    ]

    together = predictions(builder, *rows)
    alone = [p for row in rows for p in predictions(builder, row)]

    for one, other in zip(together, alone, strict=True):
        assert one.figures == pytest.approx(other.figures)


@pytest.fixture(scope="module")
def rated():
    world = catalog(accelerators=[row("accelerators", tdp_w=700)])
    return CaseBuilder(world, names_of(world))


def power_w(builder, **changes):
    (found,) = predictions(builder, measured(**changes))
    return found.figures["power_w", None]


def test_power_is_that_of_the_predicted_tokens(rated):
    alone = Alone(rated)
    loop, spec = alone.closed(16), alone.case.spec
    lengths = np.array([float(ISL)]), np.array([float(OSL)])

    activity = steady_activity(ideal_step([spec]), loop.batch, loop.output_tokens_per_s, *lengths)

    model = power_model([alone.case.power], [700.0], [1])
    assert power_w(rated) == pytest.approx(model.running_w(*activity)[0])


def test_more_clients_draw_more(rated):
    watts = [power_w(rated, concurrency_or_rate=f"concurrency={n}") for n in (1, 8, 64, 256)]

    assert watts == sorted(watts)
    assert 0.2 * 700 < watts[0] < watts[-1] < 700


def test_replicas_without_a_client_idle(rated):
    one = power_w(rated, concurrency_or_rate="concurrency=1")

    four = power_w(rated, n_gpus=4, tp=1, concurrency_or_rate="concurrency=1")

    assert four == pytest.approx(one + 3 * 0.2 * 700)
