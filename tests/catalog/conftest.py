"""Small worlds for catalogue tests: rows with sensible defaults, catalogues made of them."""

import pytest

from planner.catalog.load import build_catalog, load_catalog
from planner.catalog.schema import TABLES
from planner.catalog.table import Located

PROVENANCE = {"source": "a test", "as_of": "2026-06-01"}
DEFAULTS = {
    "accelerators": {
        "id": "gpu-a",
        "architecture": "arch-a",
        "name": "GPU A",
        "vendor": "acme",
        "kind": "gpu",
        "memory_mib": 1024,
        "memory_basis": "driver",
        "bandwidth_gb_per_s": 1000,
        "bf16_tflops": 100,
        "link": "nvlink",
    },
    "aliases": {"alias": "GPU-A-Rack", "accelerator": "gpu-a"},
    "interconnects": {
        "accelerator": "gpu-a",
        "accelerators": 2,
        "allreduce_latency_us": 10,
        "bus_bandwidth_gb_per_s": 20,
    },
    "models": {
        "id": "model-a",
        "family": "a",
        "attention": "gqa",
        "layers": 2,
        "hidden": 64,
        "heads": 4,
        "kv_heads": 2,
        "head_dim": 16,
        "intermediate": 128,
        "vocab": 1000,
        "context_tokens": 4096,
    },
    "drafts": {
        "model": "model-a",
        "id": "head-3",
        "text": "chat",
        "method": "eagle",
        "draft_tokens": 3,
        "tokens_per_step": 2.5,
        "engines": "engine-a",
    },
    "quantizations": {
        "id": "bf16",
        "name": "BF16",
        "weight_bytes": 2,
        "expert_weight_bytes": 2,
        "kv_bytes": 2,
        "compute": "bf16",
        "quality_group": "bf16",
    },
    "quality": {
        "model": "model-a",
        "quantization": "bf16",
        "benchmark": "mmlu",
        "score": 0.7,
        "evaluator": "acme",
    },
    "engines": {
        "id": "engine-a",
        "name": "Engine A",
        "versions": ">=1",
        "scheduler": "chunked",
        "chunk_tokens": 8192,
        "max_num_seqs": 256,
        "memory_fraction": 0.9,
    },
    "format_support": {
        "engine": "engine-a",
        "quantization": "bf16",
        "architecture": "arch-a",
        "mode": "native",
    },
    "calibration": {
        "parameter": "c_layer_us",
        "scope": "default",
        "key_id": "all",
        "kind": "value",
        "value": 40,
        "unit": "us",
        "provenance": "calibrated",
    },
    "offers": {
        "provider": "cloud-a",
        "instance": "big.8x",
        "region": "any",
        "tenure": "on_demand",
        "accelerator": "gpu-a",
        "accelerators": 8,
        "price_usd_per_hour": 16,
        "valid_from": "2026",
    },
    "api_offers": {
        "provider": "api-a",
        "model": "model-a",
        "model_ref": "a/model-a",
        "mode": "standard",
        "input_usd_per_mtok": 0.5,
        "output_usd_per_mtok": 1.5,
        "valid_from": "2026",
    },
    "discounts": {
        "provider": "cloud-a",
        "discount_fraction": 0.1,
        "valid_from": "2026",
    },
    "systems": {"id": "wafer-a", "quantity": "memory_gb", "value": 40},
    "servers": {"id": "server-a", "quantity": "capex_usd", "value": 200_000},
    "sites": {"id": "default", "quantity": "pue", "value": 1.5},
    "price_paths": {
        "series": "rental",
        "item": "gpu-a",
        "date": "2026",
        "usd": 2,
        "unit": "usd_per_h",
    },
    "price_trends": {
        "id": "rental-gpu-a",
        "points": 4,
        "groups": 1,
        "log_rate_per_year": -0.1,
        "log_rate_se": 0.02,
        "annual_change": -0.095,
        "annual_change_low": -0.13,
        "annual_change_high": -0.06,
    },
    "sources": {"id": "a test", "publisher": "us", "kind": "primary"},
    "profiles": {"profile": "even", "hour": 0, "multiplier": 1},
    "lengths": {
        "lengths": "short",
        "cell": 0,
        "isl_tokens": 100,
        "osl_tokens": 10,
        "probability": 1,
    },
}


def _row(table, **changes):
    return TABLES[table].model_validate(DEFAULTS[table] | PROVENANCE | changes)


@pytest.fixture(scope="session")
def row():
    """Return a function that makes a valid row of a table, with changes."""
    return _row


@pytest.fixture(scope="session")
def world():
    """Return a function that makes a catalogue of rows given by table."""

    def build(**tables):
        located = {
            table: [Located(r, f"{table}.csv", i) for i, r in enumerate(rows, start=2)]
            for table, rows in tables.items()
        }
        return build_catalog(located)

    return build


@pytest.fixture(scope="session")
def sound(world):
    """Return a function that makes a catalogue without any fault, with tables replaced."""

    def build(**tables):
        rows = {table: [_row(table)] for table in TABLES if table != "profiles"}
        rows["profiles"] = [_row("profiles", hour=hour) for hour in range(24)]
        return world(**(rows | tables))

    return build


@pytest.fixture(scope="session")
def shipped():
    """Return the catalogue as shipped, without overlays."""
    return load_catalog()


@pytest.fixture
def overlay(tmp_path):
    """Return a function that writes tables into a new overlay folder, text by file stem."""

    def write(name="overlay", **tables):
        folder = tmp_path / name
        folder.mkdir()
        for table, text in tables.items():
            (folder / f"{table}.csv").write_text(text, encoding="utf-8")
        return folder

    return write
