"""Problems whose demand is imported from a trace of requests, for benchmarks.

What a user does with `planner demand import csv`: lengths, profile of the day, bursts and peaks
come from the file, the number of requests a day is stated, and limits, quality, candidates and
policy are those of the shipped problem `chatbot_1m`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from planner.demand.importers import read_format
from planner.demand.importers.record import Settings, record_files
from planner.problem.load import load_problem
from planner.yaml_io import parse_yaml

AS_OF = "2025-01"
WORKLOAD = "chat"


def traced_problem(
    trace: Path, folder: Path, requests_per_day: float, slo: list[dict], **arrival: float
) -> Path:
    """Write a problem of the requests of a trace and return its file.

    Parameters
    ----------
    trace
        CSV of requests, plain or gzip.
    folder
        Where the problem and its lengths are written.
    requests_per_day
        How many there are, whatever the trace has.
    slo
        Limits on latencies, as in a problem.
    arrival
        Further fields of `arrival`.
    """
    imported = read_format("csv", trace, Settings(WORKLOAD, AS_OF))
    files = record_files(imported, folder / "workload.yaml")
    for file, text in files.items():
        file.write_text(text)
    workload = parse_yaml((folder / "workload.yaml").read_text(), "workload.yaml").data
    workload["arrival"] |= {"requests_per_day": requests_per_day, **arrival}
    like = load_problem("chatbot_1m").document.data
    chat = like["workloads"][0]
    problem = {key: value for key, value in like.items() if key != "scenarios"}
    problem["name"] = trace.name.split(".", 1)[0].replace("_", "-")
    problem["description"] = f"requests of {trace.name}"
    problem["workloads"] = [{**workload, "slo": slo, "quality": chat["quality"]}]
    file = folder / "problem.yaml"
    file.write_text(json.dumps(problem))
    return file
