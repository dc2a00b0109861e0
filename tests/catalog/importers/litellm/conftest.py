"""Objects read as a price file with the shipped catalogue."""

from __future__ import annotations

import json

import pytest

from planner.catalog.importers.litellm import read
from planner.catalog.importers.record import Imported, Settings
from planner.catalog.load import Catalog, load_catalog
from tests.catalog.importers.litellm.entries import AS_OF


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def run(catalog, tmp_path):
    """Write an object as a price file and read it."""

    def read_object(value: object) -> Imported:
        path = tmp_path / "prices.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return read(path, Settings(catalog, AS_OF))

    return read_object
