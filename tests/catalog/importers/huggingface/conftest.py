"""Configs imported from a folder, and the one row or rejection they give."""

import json

import pytest

from planner.catalog.importers.huggingface import read
from planner.catalog.importers.record import Settings
from tests.catalog.importers.huggingface.configs import AS_OF


@pytest.fixture(scope="module")
def catalog(world, row):
    return world(models=[row("models", id="known-model")])


@pytest.fixture
def import_config(tmp_path, catalog):
    """Return a function that imports a config from a folder of a name."""

    def run(config, folder="acme--Model-7B", **options):
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return read(path, Settings(catalog, AS_OF, options))

    return run


@pytest.fixture
def row_of(import_config):
    """Return a function that gives the one row of a config."""

    def run(config, **options):
        imported = import_config(config, **options)
        assert imported.rejected == ()
        (only,) = imported.rows["models"]
        return only

    return run


@pytest.fixture
def rejected(import_config):
    """Return a function that gives the one rejection of a config."""

    def run(config):
        imported = import_config(config)
        assert imported.rows["models"] == ()
        (only,) = imported.rejected
        return only

    return run
