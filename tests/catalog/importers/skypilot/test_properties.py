"""Damaged and shuffled price files."""

import contextlib
import csv
import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.importers.record import Settings, table_text
from planner.catalog.importers.skypilot import read
from planner.errors import InputError
from tests.catalog.importers.skypilot.price_files import AS_OF, HEADER, prices

NAMES = ["H100", "L4", "tpu-v6e-8", "Z9", "us", "a", "a3-highgpu-8g", "g2-standard-4"]
NUMBERS = ["", "1", "8", "0.5", "2.5", "700.0", "-3", "1e400"]
ODD = ["{'Gpus': [{'Name': 'H100 PCIe'}]}", "{'a", "é\x00", "\n", '"']
CELLS = st.sampled_from([*NAMES, *NUMBERS, *ODD])
LINES = st.lists(st.lists(CELLS, min_size=10, max_size=10), max_size=12)


def _imported(text, catalog):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vms.csv"
        path.write_bytes(text)
        return read(path, Settings(catalog, AS_OF, {"cloud": "gcp"}))


def _file(lines):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([HEADER.split(","), *lines])
    return out.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, cut=st.integers(0, 400), noise=st.binary(max_size=6))
def test_no_content_makes_the_reader_fail_otherwise_than_with_its_own_error(
    catalog, lines, cut, noise
):
    data = _file(lines).encode()
    damaged = data[: len(data) - cut] + noise

    with contextlib.suppress(InputError):
        imported = _imported(damaged, catalog)
        assert all(o.price_usd_per_hour > 0 for o in imported.rows["offers"])


@settings(max_examples=60, deadline=None)
@given(lines=LINES, order=st.randoms(use_true_random=False))
def test_order_of_lines_does_not_change_theprices(catalog, lines, order):
    # Distinct instances: two shapes of one instance are a contradiction of the later line.
    named = [[f"i{k}" if line[0] else "", *line[1:]] for k, line in enumerate(lines)]
    shuffled = order.sample(named, len(named))

    assert prices(_imported(_file(named).encode(), catalog)) == prices(
        _imported(_file(shuffled).encode(), catalog)
    )


@settings(max_examples=40, deadline=None)
@given(lines=LINES)
def test_reading_twice_gives_the_same_bytes(catalog, lines):
    data = _file(lines).encode()

    first, second = (_imported(data, catalog).rows["offers"] for _ in range(2))

    assert table_text("offers", first) == table_text("offers", second)
