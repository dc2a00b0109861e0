"""Objects read as result files with the shipped catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from planner.catalog.importers.benchmarks import vllm
from planner.catalog.importers.record import Imported, Settings
from planner.catalog.load import load_catalog

OPTIONS = {"hardware": "H100-SXM", "tensor_parallel": "2", "quantization": "bf16"}


@pytest.fixture(scope="session")
def shipped():
    return load_catalog()


@pytest.fixture(scope="session")
def settings(shipped) -> Callable[..., Settings]:
    """Return settings with the usual options, changed; ``None`` takes one away."""

    def make(**changes: str | None) -> Settings:
        options = {k: v for k, v in (OPTIONS | changes).items() if v is not None}
        return Settings(shipped, "2026-11-25", options)

    return make


@pytest.fixture
def run(tmp_path, settings) -> Callable[..., Imported]:
    """Write an object as ``run.json`` and read it."""

    def read(value: Any, module: ModuleType = vllm, **options: str | None) -> Imported:
        path = tmp_path / "run.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return module.read(path, settings(**options))

    return read


@pytest.fixture
def rows(run):
    """Return the values by metric and one row of an object that is read without a rejection."""

    def read(*arguments: Any, **options: Any):
        imported = run(*arguments, **options)
        assert imported.rejected == ()
        measured = imported.rows["measurements"]
        return {row.metric: row.value for row in measured}, measured[0]

    return read


@pytest.fixture
def reasons(run):
    """Return the reasons for which things of an object are rejected."""

    def read(*arguments: Any, **options: Any) -> list[str]:
        return [rejected.reason for rejected in run(*arguments, **options).rejected]

    return read
