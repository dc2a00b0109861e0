"""How catalogs/measured_sample.csv was drawn from the development data.

Sources whose licence allows copies with attribution; within a source every k-th configuration in
the order of its cells, taken inside each combination of engine, model, accelerator and precision,
so that every combination is there. Configurations that validate would drop, or that have no
figure to compare, are left out first. Predictions play no part.

Run as a script, it writes the sample::

    python tests/evaluate/sample.py FOLDER OUT.csv
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

from planner.evaluate.measurements import COLUMNS, read_folder
from planner.evaluate.observations import DISAGGREGATED, collect

EVERY = {
    "ai-dynamo/aiconfigurator": 26,
    "NVIDIA TensorRT-LLM docs": 10,
    "LLM-Inference-Bench": 120,
    "AMD ROCm vLLM docker": 8,
}
"""Beginning of the source, and k."""


def sample_of(folder):
    """Return the sampled rows, in the order of their cells."""
    strata = defaultdict(list)
    groups = defaultdict(list)
    for row in read_folder(folder).rows:
        groups[row.configuration].append(row)
    for cells in sorted(groups):
        rows = groups[cells]
        step = next((k for start, k in EVERY.items() if rows[0].source.startswith(start)), None)
        compared = collect(rows).observations
        if step is None or not compared or DISAGGREGATED in compared[0].parts:
            continue
        row = rows[0]
        key = (row.source, row.engine, row.model, row.gpu, row.weight_precision)
        strata[key].append((step, rows))
    return [
        row
        for key in sorted(strata)
        for step, rows in strata[key][:: strata[key][0][0]]
        for row in rows
    ]


def write(rows, path):
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)


if __name__ == "__main__":
    write(sample_of(Path(sys.argv[1])), Path(sys.argv[2]))
