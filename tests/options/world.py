"""Small worlds for option tests: catalogue rows with defaults, problems, and a time grid."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from planner.catalog.load import build_catalog, load_catalog
from planner.catalog.schema import TABLES
from planner.catalog.table import Located
from planner.demand.grid import time_grid
from planner.demand.records import Demand, LengthDistribution, WorkloadDemand
from planner.problem.load import LoadedProblem
from planner.problem.performance import MeasuredCapacity
from planner.problem.schema import Problem
from planner.yaml_io import Document

PROVENANCE = {"source": "a test", "as_of": "2026-06-01"}
DEFAULTS = {
    "accelerators": {
        "id": "gpu-a",
        "architecture": "arch-a",
        "name": "GPU A",
        "vendor": "acme",
        "kind": "gpu",
        "memory_mib": 81_559,
        "memory_basis": "driver",
        "bandwidth_gb_per_s": 3350,
        "bf16_tflops": 989,
        "fp8_tflops": 1979,
        "link": "nvlink",
        "link_gb_per_s": 450,
    },
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
        "layers": 32,
        "hidden": 4096,
        "heads": 32,
        "kv_heads": 8,
        "head_dim": 128,
        "intermediate": 14_336,
        "vocab": 128_256,
        "context_tokens": 131_072,
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
        "score": 0.8,
        "evaluator": "acme",
        "questions": 10_000,
    },
    "engines": {
        "id": "vllm",
        "name": "vLLM",
        "versions": ">=1",
        "scheduler": "chunked",
        "chunk_tokens": 8192,
        "max_num_seqs": 256,
        "memory_fraction": 0.9,
        "first_token": "recomputed",
    },
    "format_support": {
        "engine": "vllm",
        "quantization": "bf16",
        "architecture": "arch-a",
        "mode": "native",
    },
    "offers": {
        "provider": "cloud",
        "instance": "one",
        "region": "north",
        "tenure": "on_demand",
        "accelerator": "gpu-a",
        "accelerators": 1,
        "price_usd_per_hour": 2,
        "valid_from": "2026",
    },
    "discounts": {"provider": "cloud", "discount_fraction": 0.1, "valid_from": "2026"},
    "api_offers": {
        "provider": "tokens",
        "model": "model-a",
        "model_ref": "a/model-a",
        "mode": "standard",
        "input_usd_per_mtok": 0.5,
        "output_usd_per_mtok": 1.5,
        "valid_from": "2026",
    },
}


def row(table, **changes):
    """Return a valid row of a table, with changes."""
    return TABLES[table].model_validate(DEFAULTS.get(table, {}) | PROVENANCE | changes)


def fp8(**changes):
    """Return the FP8 format."""
    base = {"id": "fp8", "name": "FP8", "compute": "fp8", "quality_group": "fp8"}
    return row("quantizations", weight_bytes=1, expert_weight_bytes=1, **base | changes)


@lru_cache
def shipped():
    """Return the shipped catalogue."""
    return load_catalog()


def catalog(**tables):
    """Return a catalogue of one row per table, with tables replaced; calibration as shipped."""
    unstated = ("interconnects", "discounts")
    rows = {table: [row(table)] for table in DEFAULTS if table not in unstated}
    rows["quantizations"] = [row("quantizations"), fp8()]
    rows["format_support"] += [row("format_support", quantization="fp8")]
    rows["calibration"] = list(shipped().calibration)
    rows |= tables
    return build_catalog(
        {
            table: [Located(r, f"{table}.csv", i) for i, r in enumerate(items, start=2)]
            for table, items in rows.items()
        }
    )


def workload(name="chat", **changes):
    """Return a workload section with short fixed lengths and no limits."""
    base = {
        "name": name,
        "arrival": {"mean_rate_rps": 1.0},
        "lengths": {"isl_tokens": {"mean": 1000.0}, "osl_tokens": {"mean": 100.0}},
    }
    return base | changes


def problem(*workloads, **changes):
    """Return a problem of one quarter from January 2027, with changes by section."""
    base = {
        "schema_version": 1,
        "name": "test",
        "horizon": {"start": "2027-01"},
        "time_blocks": 1,
        "workloads": list(workloads) or [workload()],
    }
    return Problem.model_validate(base | changes)


def loaded(asked, measured=()):
    """Return a problem as if read from a file, with measured capacities."""
    rows = tuple(MeasuredCapacity.model_validate(m) for m in measured)
    document = Document("problem.yaml", "", {}, {})
    return LoadedProblem(asked, document, Path(), rows, None, ())


def lengths(isl=(1000.0,), osl=(100.0,)):
    """Return equally likely pairs of lengths."""
    return LengthDistribution(np.array(isl), np.array(osl), np.full(len(isl), 1 / len(isl)))


def demand(asked, **by_workload):
    """Return the demand of a problem at 1 request/s, with lengths by workload."""
    grid = time_grid(asked)
    shape = (grid.periods, grid.blocks)
    return Demand(
        grid,
        tuple(
            WorkloadDemand(
                w.name, np.ones(shape), np.ones(shape), by_workload.get(w.name, lengths())
            )
            for w in asked.workloads
        ),
    )
