"""Objects read as data.json with the shipped catalogue."""

from __future__ import annotations

import json

import pytest

from planner.catalog.importers.genai_prices import read
from planner.catalog.importers.record import Imported, Settings
from planner.catalog.load import load_catalog
from tests.catalog.importers.genai_prices.data import AS_OF


@pytest.fixture(scope="session")
def context() -> Settings:
    return Settings(load_catalog(), AS_OF)


@pytest.fixture
def run(tmp_path, context):
    """Write an object as data.json and read it."""

    def read_object(value: object) -> Imported:
        path = tmp_path / "data.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return read(path, context)

    return read_object
