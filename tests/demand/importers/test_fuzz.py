"""Whatever a source of traffic holds, importing it gives a workload or an error with its name.

And whatever workload it gives, a problem with it is valid.
"""

from __future__ import annotations

import gzip
import json
import random

import pytest

from planner.demand.importers import FORMATS, read_format
from planner.demand.importers.record import Settings, record_files
from planner.errors import InputError
from planner.problem.load import load_problem

HOURS = 30


def _azure():
    rows = [
        f"2026-03-0{1 + h // 24} {h % 24:02d}:{m:02d}:00.5,{200 + 7 * h + m},{20 + h}"
        for h in range(HOURS)
        for m in range(0, 60, 6)
    ]
    return "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n"


def _mooncake():
    lines = [
        {"timestamp": 9_000 * i, "input_length": 512 * (1 + i % 5), "output_length": 5 + i % 40,
         "hash_ids": [i % 7, *range(100 + i, 100 + i + i % 5)]}
        for i in range(300)
    ]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)


def _prometheus():
    def series(metric, step):
        values = [[60 * i, str(step * i)] for i in range(200)]
        return {"metric": {"__name__": metric}, "values": values}

    result = [
        series("vllm:request_success_total", 5),
        series("vllm:prompt_tokens_total", 5 * 900),
        series("vllm:generation_tokens_total", 5 * 120),
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def _csv():
    rows = [f"{13 * i},{300 + i % 90},{10 + i % 30},{i % 200}" for i in range(400)]
    head = "timestamp_s,input_tokens,output_tokens,prefix_hit_tokens"
    return head + "\n" + "\n".join(rows) + "\n"


SAMPLES = {
    "azure": ("trace.csv", _azure()),
    "mooncake": ("trace.jsonl", _mooncake()),
    "prometheus": ("range.json", _prometheus()),
    "csv": ("requests.csv", _csv()),
}
every_format = pytest.mark.parametrize("name", SAMPLES)


@pytest.fixture
def run(tmp_path):
    """Return a function that imports bytes and checks the problem made of them."""

    def read(name, data):
        path = tmp_path / SAMPLES[name][0]
        path.write_bytes(data)
        try:
            imported = read_format(name, path, Settings("chat", "2026-03"))
        except InputError as error:
            if not all(path.name in fault.file for fault in error.faults):
                raise
            return None
        check_problem(imported, tmp_path)
        return imported

    return read


def check_problem(imported, folder):
    """Require that the record, put into a problem, is accepted; twice the same bytes."""
    files = record_files(imported, folder / "chat.yaml")
    assert files == record_files(imported, folder / "chat.yaml")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    if "lengths" not in imported.workload:
        return
    item = files[folder / "chat.yaml"].splitlines()
    body = [line for line in item if not line.startswith("#")]
    indented = [("  - " if i == 0 else "    ") + line for i, line in enumerate(body)]
    head = ["schema_version: 1", "name: fuzz", "horizon: {start: 2027-01}", "workloads:"]
    (folder / "problem.yaml").write_text("\n".join([*head, *indented]) + "\n", encoding="utf-8")
    load_problem(folder / "problem.yaml")


def test_every_format_has_a_sample():
    assert set(SAMPLES) == set(FORMATS)


@every_format
def test_the_sample_gives_a_workload(run, name):
    imported = run(name, SAMPLES[name][1].encode())

    assert imported.requests >= 250
    assert imported.rejected == ()


@every_format
def test_a_compressed_sample_gives_the_same_workload(run, name):
    plain = run(name, SAMPLES[name][1].encode())

    packed = run(name, gzip.compress(SAMPLES[name][1].encode()))

    assert packed.workload == plain.workload


@every_format
@pytest.mark.parametrize("seed", range(12))
def test_a_truncated_source_ends_well(run, name, seed):
    data = SAMPLES[name][1].encode()
    run(name, data[: random.Random(seed).randrange(len(data))])


@every_format
@pytest.mark.parametrize("seed", range(4))
def test_a_truncated_archive_ends_well(run, name, seed):
    data = gzip.compress(SAMPLES[name][1].encode())
    run(name, data[: random.Random(seed).randrange(1, len(data))])


@every_format
@pytest.mark.parametrize("seed", range(6))
def test_shuffled_lines_end_well(run, name, seed):
    lines = SAMPLES[name][1].splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    run(name, "".join(lines).encode())


@every_format
@pytest.mark.parametrize("seed", range(12))
def test_overwritten_bytes_end_well(run, name, seed):
    rng = random.Random(seed)
    data = bytearray(SAMPLES[name][1].encode())
    for _ in range(60):
        data[rng.randrange(len(data))] = rng.choice(b'\x00\xff"{}[],-.eE0N\n\xc3')
    run(name, bytes(data))


@every_format
@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig", "cp037"])
def test_other_encodings_end_well(run, name, encoding):
    text = SAMPLES[name][1].replace("a", "\xe4")
    run(name, text.encode(encoding))


@every_format
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 1000,
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b'"' * 1001,
        b"timestamp_s,input_tokens,output_tokens\n" + b"1,2," + b"3" * 200_000 + b"\n",
        b"NaN,Infinity,-Infinity\n" * 100,
    ],
    ids=["empty", "zeros", "arrays", "objects", "digits", "quotes", "long-cell", "no-numbers"],
)
def test_strange_sources_end_well(run, name, data):
    run(name, data)


@pytest.mark.parametrize(
    ("name", "head", "line"),
    [
        ("csv", "timestamp_s,input_tokens,output_tokens\n", "{0},{1},7\n"),
        ("mooncake", "", '{{"timestamp": {0}000, "input_length": {1}, "output_length": 7}}\n'),
    ],
)
def test_a_large_source_is_read(run, name, head, line):
    text = head + "".join(line.format(i, 100 + i % 900) for i in range(1, 100_001))

    assert run(name, text.encode()).requests == 100_000
