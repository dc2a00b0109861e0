"""The sample of measured rows that travels with the planner."""

from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.evaluate.measurements import COLUMNS, read_folder
from planner.evaluate.validate import sample_path, validate
from tests.evaluate.sample import EVERY, sample_of

MEASURED = Path(__file__).parents[3] / "shared" / "measured"


@pytest.fixture(scope="module")
def rows():
    return read_folder(sample_path()).rows


def test_sample_is_small_and_from_sources_that_may_be_copied(rows):
    assert 200 <= len(rows) <= 400
    assert all(any(row.source.startswith(start) for start in EVERY) for row in rows)
    assert all(row.source_ref for row in rows)


def test_sample_has_the_published_columns():
    header = sample_path().read_text(encoding="utf-8").splitlines()[0]

    assert tuple(header.split(",")) == COLUMNS


def test_sample_is_validated_without_a_folder():
    found = validate(load_catalog())

    counted = {s.metric: s.errors.n for s in found.slices if s.name == "all"}
    assert counted["tpot_ms"] >= 30
    assert counted["throughput_static"] >= 30
    assert counted["throughput_max_load"] >= 20
    assert not any(found.collected.dropped.values())


@pytest.mark.shared
@pytest.mark.skipif(not MEASURED.is_dir(), reason="the development data are not beside it")
def test_sample_follows_its_rule(rows):
    assert tuple(sorted(sample_of(MEASURED))) == rows
