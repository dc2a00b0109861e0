"""What holds for any result file, sensible or not."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.benchmarks import aiperf as aiperf_reader
from planner.catalog.importers.benchmarks import guidellm as guidellm_reader
from planner.catalog.importers.benchmarks import vllm
from planner.catalog.importers.record import Imported
from planner.catalog.schema.measurements import Measurement
from planner.errors import InputError
from tests.catalog.importers.benchmarks.results import (
    CONFIGS,
    aiperf,
    guidellm,
    guidellm_old,
    serving,
)

LATENCY = {
    "avg_latency": 2.5,
    "latencies": [2.4, 2.6],
    "percentiles": {"50": 2.5, "90": 2.55, "99": 2.6},
}
THROUGHPUT = {
    "elapsed_time": 40.0,
    "num_requests": 80,
    "requests_per_second": 2.0,
    "tokens_per_second": 2400.0,
}
SAMPLES: dict[str, tuple[Any, Any]] = {
    "serving": (vllm, serving()),
    "latency": (vllm, LATENCY),
    "throughput": (vllm, THROUGHPUT),
    "guidellm": (guidellm_reader, guidellm()),
    "guidellm old": (guidellm_reader, guidellm_old()),
    **{name: (aiperf_reader, aiperf(name)) for name in CONFIGS},
}
OPTIONS = {"model": "llama-3.1-8b-instruct", "batch": "8"}
WRONG = [
    None,
    True,
    "",
    "x",
    "inf",
    -1,
    0,
    1e308,
    -1e308,
    10**400,
    math.nan,
    math.inf,
    [],
    {},
    [[]],
    {"mean": {}},
    "\x00\ud800",
    "9" * 400,
]
every_sample = pytest.mark.parametrize("name", SAMPLES)
quick = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def read(tmp_path, settings):
    """Return a function that reads bytes as a result file; ``None`` for a refusal."""
    path = tmp_path / "run.json"

    def from_bytes(module: Any, data: bytes) -> Imported | None:
        path.write_bytes(data)
        try:
            imported = module.read(path, settings(**OPTIONS))
        except InputError as error:
            if not all(str(path) in fault.file for fault in error.faults):
                raise
            return None
        rows = imported.rows["measurements"]
        assert len({row.key for row in rows}) == len(rows)
        for row in rows:
            assert Measurement.model_validate(row.model_dump()) == row
        return imported

    return from_bytes


def text(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside an object."""
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    result = copy.deepcopy(value)
    inside = result
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = new
    return result


def shuffled(value: Any, mix: random.Random) -> Any:
    if isinstance(value, list):
        return [shuffled(item, mix) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    mix.shuffle(keys)
    return {key: shuffled(value[key], mix) for key in keys}


@every_sample
@quick
@given(seed=st.integers(0, 2**32))
def test_order_of_keys_changes_nothing(read, name, seed):
    module, sample = SAMPLES[name]

    assert read(module, text(shuffled(sample, random.Random(seed)))) == read(module, text(sample))


@quick
@given(factor=st.floats(0.01, 1.3))
def test_latencies_of_a_run_scale_its_rows(read, factor):
    latencies = {key: value * factor for key, value in serving().items() if key.endswith("_ms")}
    measured = read(vllm, text(serving(**latencies))).rows["measurements"]
    unscaled = read(vllm, text(serving())).rows["measurements"]

    for row, before in zip(measured, unscaled, strict=True):
        scaled = before.value * (factor if "_ms" in row.metric else 1)
        assert row.value == pytest.approx(scaled)
        assert row.model_copy(update={"value": before.value}) == before


@every_sample
def test_sample_gives_rows(read, name):
    imported = read(*SAMPLES[name][:1], text(SAMPLES[name][1]))

    assert imported.rows["measurements"]
    assert imported.rejected == ()


@every_sample
def test_cut_file_is_refused(read, name):
    module, sample = SAMPLES[name]
    data = text(sample)

    for end in range(0, len(data), 1 + len(data) // 50):
        assert read(module, data[:end]) is None
        read(module, data[end:])


@every_sample
def test_wrong_value_anywhere_gives_rows_or_rejections(read, name):
    module, sample = SAMPLES[name]

    for number, path in enumerate(places(sample)):
        for wrong in WRONG[number % 4 :: 4]:
            imported = read(module, text(changed(sample, path, wrong)))
            assert imported is None or imported.rows["measurements"] or imported.rejected


@every_sample
@quick
@given(data=st.data())
def test_two_wrong_values_give_rows_or_rejections(read, name, data):
    module, sample = SAMPLES[name]
    for _ in range(2):
        path = data.draw(st.sampled_from(sorted(places(sample), key=str)))
        sample = changed(sample, path, data.draw(st.sampled_from(WRONG)))

    imported = read(module, text(sample))
    assert imported is None or imported.rows["measurements"] or imported.rejected


@every_sample
def test_missing_key_anywhere_gives_rows_or_rejections(read, name):
    module, sample = SAMPLES[name]

    for path in places(sample):
        less = copy.deepcopy(sample)
        inside = less
        for key in path[:-1]:
            inside = inside[key]
        del inside[path[-1]]
        imported = read(module, text(less))
        assert imported.rows["measurements"] or imported.rejected


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"completed":' * 50_000,
        b"1" * 10_000,
        b'{"completed": ' + b"1" * 10_000 + b', "request_throughput": 1}',
        b"[1, 2",
        b"null",
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.parametrize("module", [vllm, guidellm_reader, aiperf_reader])
def test_file_of_anything_is_refused_or_rejected(read, module, data):
    imported = read(module, data)

    assert imported is None or (imported.rejected and not imported.rows["measurements"])


def test_many_requests_are_read_whatever_their_lists_hold(read):
    many = serving(itls=[[0.03] * 200] * 2000, ttfts=[0.2] * 2000, errors=[""] * 2000)

    assert len(read(vllm, text(many)).rows["measurements"]) == 22
