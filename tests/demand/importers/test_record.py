"""The files of a workload: a problem accepts them as they are, and they never change by chance."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.catalog.load import load_catalog
from planner.demand.build import build_demand
from planner.demand.importers import FORMATS, read_format
from planner.demand.importers.record import Settings, record_files, workload_name
from planner.errors import InputError
from planner.problem.load import load_problem
from planner.problem.schema import Workload
from planner.yaml_io import parse_yaml, yaml_text

ROWS = "timestamp_s,input_tokens,output_tokens\n" + "".join(
    f"{i * 20},{50 + i % 700},{10 + i % 90}\n" for i in range(5000)
)
SHARED = Path(__file__).parents[4] / "shared" / "traces"


def test_an_imported_workload_is_planned_with_its_own_figures(read, tmp_path):
    imported = read("csv", ROWS)
    for path, text in record_files(imported, tmp_path / "chat.yaml").items():
        path.write_text(text, encoding="utf-8")
    item = parse_yaml((tmp_path / "chat.yaml").read_text(encoding="utf-8"), "chat.yaml").data
    problem = {
        "schema_version": 1,
        "name": "imported",
        "horizon": {"start": "2027-01"},
        "workloads": [item],
    }
    (tmp_path / "problem.yaml").write_text(yaml_text(problem), encoding="utf-8")

    loaded = load_problem(tmp_path / "problem.yaml")
    demand = build_demand(loaded, load_catalog()).of("chat")

    assert demand.mean_rps.mean() == pytest.approx(1 / 20)
    assert demand.lengths.isl_mean_tokens == pytest.approx(item["lengths"]["isl_tokens"]["mean"])
    assert demand.lengths.osl_mean_tokens == pytest.approx(item["lengths"]["osl_tokens"]["mean"])


def test_the_histogram_lies_beside_the_workload_under_its_stem(read, tmp_path):
    files = record_files(read("csv", ROWS), tmp_path / "busy.yaml")

    assert [path.name for path in files] == ["busy_lengths.csv", "busy.yaml"]
    assert "  ref: busy_lengths.csv\n  name: chat\n" in files[tmp_path / "busy.yaml"]


def test_notes_are_comments_of_the_workload(read, tmp_path):
    imported = read("csv", ROWS)

    text = record_files(imported, tmp_path / "chat.yaml")[tmp_path / "chat.yaml"]

    assert text.startswith("".join(f"# {note}\n" for note in imported.notes) + "name: chat\n")


def test_without_single_lengths_there_is_no_histogram(read, tmp_path):
    text = (
        '{"data": {"result": [{"metric": {"__name__": "vllm:request_success_total"}, '
        '"values": [[0, "0"], [60, "9"]]}]}}'
    )

    files = record_files(read("prometheus", text, "range.json"), tmp_path / "chat.yaml")

    assert [path.name for path in files] == ["chat.yaml"]


def test_reading_twice_gives_the_same_bytes(read, tmp_path):
    first = record_files(read("csv", ROWS), tmp_path / "chat.yaml")
    second = record_files(read("csv", ROWS), tmp_path / "chat.yaml")

    assert first == second


def test_reasons_are_counted_most_frequent_first(read):
    imported = read("csv", ROWS + "1,,1\n1,-1,1\n2,-1,1\n")

    assert list(imported.rejected_by_reason().items()) == [("negative", 2), ("missing", 1)]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("azure conv.csv.gz", "azure-conv"),
        ("t.jsonl", "t"),
        ("_x.json", "x"),
        ("\u00e9.csv", "imported"),
        ("v1.5.csv", "v1.5"),
    ],
)
def test_a_workload_is_named_after_its_file(file, name):
    assert workload_name(Path(file)) == name


GOOD = {
    "csv": ROWS[:600],
    "azure": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    + "".join(f"2023-11-16 18:15:{s:02}.6805900,{s + 9},4\n" for s in range(12)),
    "mooncake": "".join(
        f'{{"timestamp": {t}, "input_length": 9, "output_length": 4, "hash_ids": [0, {t}]}}\n'
        for t in range(12)
    ),
    "prometheus": '{"data": {"result": [{"metric": {"__name__": "vllm:request_success_total", '
    '"le": "5"}, "values": [[0, "0"], [60, "9"], [120, "4"]]}, {"metric": {"__name__": '
    '"vllm:request_prompt_tokens_bucket", "le": "+Inf"}, "values": [[0, "0"], [60, "9"]]}]}}',
}
PIECES = st.sampled_from(
    ["0", "-1", "9" * 400, "1e308", "nan", "null", "[]", "{}", '"', ",", "\n", "\r", "\x00", " "]
)


@st.composite
def broken(draw, name):
    """A good source that was cut, repeated, shuffled, or hit by other bytes."""
    data = GOOD[name].encode()
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["cut", "bytes", "piece", "swap", "lines"]))
        if kind == "cut":
            data = data[:at]
        elif kind == "bytes":
            data = data[:at] + draw(st.binary(max_size=8)) + data[at:]
        elif kind == "piece":
            width = draw(st.integers(0, 6))
            data = data[:at] + draw(PIECES).encode() + data[at + width :]
        elif kind == "swap":
            data = data[at:] + data[:at]
        else:
            data = b"\n".join(draw(st.permutations(data.split(b"\n"))))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-8-sig"]))
    return data.decode("utf-8", "replace").encode(encoding) if encoding != "utf-8" else data


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_broken_input_gives_a_valid_workload_or_an_input_error(name, data, tmp_path):
    source = tmp_path / "broken"
    source.write_bytes(data.draw(broken(name)))

    try:
        imported = read_format(name, source, Settings("chat", "2026"))
    except InputError:
        return

    files = record_files(imported, tmp_path / "chat.yaml")
    Workload.model_validate(parse_yaml(files[tmp_path / "chat.yaml"], "chat.yaml").data)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_give_a_report_or_an_input_error(name, content, tmp_path):
    source = tmp_path / "noise"
    source.write_bytes(content)

    with pytest.raises(InputError, match="noise"):
        read_format(name, source, Settings("chat", "2026"))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no development data beside the checkout")
def test_the_azure_conversation_trace_has_its_published_figures():
    source = SHARED / "azure_llm_2023_conversation.csv.gz"

    workload = read_format("csv", source, Settings("chat", "2023")).workload

    assert workload["lengths"]["isl_tokens"] == pytest.approx(
        {"mean": 1155, "p50": 1020, "p95": 4083, "p99": 4142, "max": 14050}, rel=0.01
    )
    assert workload["lengths"]["osl_tokens"] == pytest.approx(
        {"mean": 211, "p50": 129, "p95": 451, "p99": 601, "max": 1000}, rel=0.01
    )
    assert workload["arrival"]["interarrival_cv"] == pytest.approx(1.1, abs=0.1)
    assert workload["arrival"]["peak_factor_in_hour"] == pytest.approx(1.326, rel=0.02)
