"""Every way to get a problem file wrong: where the fault is, what it says, what helps.

Each case of ``bad_input.yaml`` edits one valid problem and names the place of the fault, what the
message must say (the value, and a way out), and the reason why the case is here; some also the
command that helps next.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from planner.errors import InputError
from planner.preparation import check_problem, prepare
from planner.problem.load import load_problem
from planner.yaml_io import read_yaml

VALID = """\
schema_version: 1
name: base
horizon: {start: 2027-01, periods: 2, months_per_period: 3}
time_blocks: 1
workloads:
  - name: chat
    arrival: {requests_per_day: 1000, profile: flat}
    lengths:
      isl_tokens: {mean: 1155, p50: 1020, p95: 4083, p99: 4142, max: 14050}
      osl_tokens: {mean: 211, p50: 129, p95: 451, p99: 601, max: 1000}
    slo:
      - {metric: ttft_ms, percentile: 99, limit: 2000}
      - {metric: tpot_ms, percentile: mean, limit: 200}
    quality:
      - {benchmark: mmlu_pro, min_relative: 0.99, reference: llama-3.3-70b-instruct}
    residency: any
candidates:
  models: [llama-3.1-8b-instruct, llama-3.3-70b-instruct]
  quantizations: [bf16]
  hardware: [h100-sxm-80gb]
  engines: [vllm]
  tensor_parallel: [4]
supply:
  tenures: [on_demand]
  providers: []
policy: {spare_replicas: 1}
scenarios:
  lean: {policy: {spare_replicas: 0}}
"""
SECOND_WORKLOAD = """\
  - name: code
    arrival: {requests_per_day: 5}
    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 100}}
    residency: [us-east-1]
"""
TABLE = Path(__file__).with_name("bad_input.yaml")
CASES = read_yaml(TABLE).data


def name_of(case):
    return case["reason"]


def edited(case):
    old, new = case["edit"]
    assert VALID.count(old) >= 1
    return VALID.replace(old, new, 1)


def write(folder, text):
    path = folder / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def errors_of(path):
    with pytest.raises(InputError) as caught:
        check_problem(path)
    return caught.value


@pytest.fixture(scope="module")
def error_of(tmp_path_factory):
    """Check the problem of a case once, whatever is asked of the answer."""
    folder = tmp_path_factory.mktemp("cases")

    @cache
    def found(reason):
        (case,) = (case for case in CASES if name_of(case) == reason)
        path = folder / f"{len(list(folder.iterdir()))}.yaml"
        path.write_text(edited(case), encoding="utf-8")
        return path, errors_of(path)

    return found


def test_the_problem_that_every_case_edits_is_valid(tmp_path):
    checked = check_problem(write(tmp_path, VALID))

    assert [c.loaded.scenario for c in checked] == [None, "lean"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_fault_is_placed_shows_the_value_and_a_way_out(case, error_of):
    path, error = error_of(name_of(case))

    places = {f"{f.line}:{f.column}  {f.path}": f for f in error.faults}
    fault = places[case["place"]]
    assert fault.file == str(path)
    assert [part for part in case["says"] if part not in fault.message] == []
    assert error.next_step
    assert error.next_step == case.get("next", error.next_step)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_no_message_speaks_of_the_parts_it_was_made_with(case, error_of):
    text = str(error_of(name_of(case))[1])

    assert not re.search(
        r"Input should|should match|type=|constrained|literal\[|pydantic|ruamel|Traceback|None\b",
        text,
    )


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_one_mistake_is_one_fault(case, error_of):
    _, error = error_of(name_of(case))

    assert len(error.faults) == case.get("faults", 1), str(error)


def test_a_whole_number_beyond_any_float_is_shortened(tmp_path):
    text = VALID.replace("requests_per_day: 1000", f"requests_per_day: {'9' * 400}")

    (fault,) = errors_of(write(tmp_path, text)).faults

    assert fault.path == "workloads.chat.arrival.requests_per_day"
    assert "9999...` is larger than any number" in fault.message
    assert len(fault.message) < 200


def test_an_empty_list_of_workloads_asks_for_one(tmp_path):
    text = VALID[: VALID.index("  - name: chat")].rstrip() + " []\n"

    (fault,) = errors_of(write(tmp_path, text)).faults

    assert (fault.line, fault.path) == (5, "workloads")
    assert fault.message == "is empty; give at least one"


def test_faults_of_all_kinds_are_reported_together_in_file_order(tmp_path):
    text = (
        VALID.replace("periods: 2", "periods: 0")
        .replace("limit: 2000", "limit: 2 s")
        .replace("p99: 4142", "p99: 100")
        .replace("residency: any", "deferrable: {window_h: 0}")
        .replace("spare_replicas: 1", "spare_replica: 1")
        .replace("name: base\n", "name: base\ncatalog: [prices]\n")
    )

    error = errors_of(write(tmp_path, text))

    assert [f.path for f in error.faults] == [
        "catalog.0",
        "horizon.periods",
        "workloads.chat.lengths.isl_tokens.p99",
        "workloads.chat.slo.0.limit",
        "workloads.chat.deferrable",
        "workloads.chat.deferrable.window_h",
        "policy.spare_replica",
    ]
    assert "7 errors, nothing was solved." in str(error)


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"", "1:1", "is empty; start with `schema_version: 1`"),
        (b"# only a comment\n", "1:1", "is empty"),
        (b"- a\n- b\n", "1:1", "is not a mapping"),
        (b"just text\n", "1:1", "is not a mapping"),
        (b"name: caf\xe9\n", "1:10", "save the file as UTF-8"),
        (b"\xff\xfen\x00a\x00", "1:1", "save the file as UTF-8"),
        (b"a: [1, 2\nb: 3\n", "2:2", "is not valid YAML"),
        (b"a:\n\tb: 1\n", "2:1", "spaces, not tabs"),
        (b"a: 1\n---\nb: 2\n", "2:1", "one document per file"),
        (b"a: \x00\n", "1:4", "is not valid YAML"),
        (b"\x89PNG\r\n\x1a\n", "1:1", "save the file as UTF-8"),
    ],
    ids=[
        "empty",
        "comment",
        "list",
        "text",
        "latin-1",
        "utf-16",
        "syntax",
        "tab",
        "two documents",
        "control character",
        "picture",
    ],
)
def test_file_that_is_no_problem_says_where_and_why(content, place, says, tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_bytes(content)

    (fault,) = errors_of(path).faults

    assert f"{fault.line}:{fault.column}" == place
    assert says in fault.message


def test_keys_that_stand_twice_hide_nothing_else_that_is_wrong(tmp_path):
    edits = (
        ("time_blocks: 1\n", "time_blocks: 1\ntime_blocks: 4\n"),
        ("profile: flat", "profile: flt"),
        ("  tenures: [on_demand]", "  tenures: [on_demand]\n  quota: []\n  tenures: [spot]"),
        ("spare_replicas: 1", "spare_replicas: 9"),
        ("{spare_replicas: 0}", "{spare_replicas: 99}"),
    )
    text = VALID
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)

    error = errors_of(write(tmp_path, text))

    assert [(f.line, f.column, f.path) for f in error.faults] == [
        (5, 1, ""),
        (8, 39, "workloads.chat.arrival.profile"),
        (26, 3, "supply.quota"),
        (27, 3, ""),
        (29, 10, "policy.spare_replicas"),
        (31, 19, "[scenario lean] policy.spare_replicas"),
    ]
    assert error.faults[0].message == (
        "`time_blocks` stands twice in the same place, first at 4:1 with `1`, then at 5:1 with "
        "`4`; keep one, the other value would be lost"
    )
    assert "`tenures` stands twice" in error.faults[3].message


def test_duplicate_workloads_are_both_named(tmp_path):
    twin = SECOND_WORKLOAD.replace("code", "chat").replace("    residency: [us-east-1]\n", "")

    error = errors_of(write(tmp_path, VALID.replace("candidates:\n", twin + "candidates:\n", 1)))

    assert [(f.line, f.path) for f in error.faults] == [
        (6, "workloads.chat.name"),
        (17, "workloads.chat.name"),
    ]
    assert "`chat` names 2 workloads; rename all but one" in error.faults[0].message


COLUMNS = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps"


@pytest.mark.parametrize(
    ("table", "place", "says"),
    [
        (f"{COLUMNS}\nchta,m,bf16,h100,1,vllm,2\n", "measured.csv:2", "did you mean `chat`?"),
        (f"{COLUMNS}\nchat,m,bf16,h100,1,vllm,fast\n", "measured.csv:2:7", "`fast` is not a"),
        (f"{COLUMNS}\nchat,m,bf16,h100,1,vllm,0\n", "measured.csv:2:7", "above 0"),
        (f"{COLUMNS}\nchat,m,bf16,h100,3,vllm,1\n", "measured.csv:2", "one of 1, 2, 4, 8, 16"),
        (f"{COLUMNS},colour\nchat,m,bf16,h100,1,vllm,2,red\n", "measured.csv:1:8", "`colour`"),
        ("workload,model\nchat,m\n", "measured.csv:1", "`capacity_rps` is required"),
        (
            f"{COLUMNS}\nchat,m,bf16,h100,1,vllm,2\nchat,m,bf16,h100,1,vllm,3\n",
            "measured.csv:3",
            "repeats the key",
        ),
        (f"{COLUMNS}\n", "measured.csv", "holds no row"),
        ("", "measured.csv:1", "is empty"),
    ],
    ids=[
        "unknown workload",
        "bad number",
        "zero",
        "odd parallelism",
        "unknown column",
        "missing columns",
        "repeated row",
        "no row",
        "empty",
    ],
)
def test_bad_table_of_capacities_names_its_row(table, place, says, tmp_path):
    (tmp_path / "measured.csv").write_text(table, encoding="utf-8")
    path = write(
        tmp_path, VALID.replace("name: base\n", "name: base\nperformance: measured.csv\n")
    )

    text = str(errors_of(path))

    assert re.search(rf"^{re.escape(place)}(  |:|$)", text, re.MULTILINE)
    assert says in text


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("policy.spare_replicas", "write PATH=VALUE"),
        ("=3", "write PATH=VALUE"),
        ("a..b=3", "write PATH=VALUE"),
        ("policy.spare_replicas=[1,", "is not valid YAML"),
        ("workloads.chta.pool=x", "did you mean `chat`? It has `chat`"),
        ("workloads.chat.slo.7.limit=1", "no item `7`. It has 0 to 1"),
        ("name.x=1", "a single value: it has no item `x`"),
        ("policy.spare_replica=1", "did you mean `spare_replicas`?"),
        ("workloads.chat.slo.0.limit=abc", "got `abc`"),
        ("supply.quotas.0.hardware=x", "a list"),
    ],
)
def test_bad_assignment_is_named_as_it_was_written(assignment, says, tmp_path):
    with pytest.raises(InputError) as caught:
        prepare(write(tmp_path, VALID), assignments=[assignment])

    (fault,) = caught.value.faults
    assert fault.file == f"--set {assignment}"
    assert says in fault.message


def faults_of(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_problem(path, overlays=[])
    return {f.path for f in caught.value.faults}


INSIDE = [c for c in CASES if "residency: any" in c["edit"][0] or "providers: []" in c["edit"][0]]


@pytest.mark.parametrize("case", INSIDE[::3], ids=name_of)
def test_a_value_refused_elsewhere_hides_no_fault_and_brings_none(case, error_of, tmp_path):
    path = tmp_path / "problem.yaml"
    alone = {f.path for f in error_of(name_of(case))[1].faults}

    for old, new, fault in (
        ("spare_replicas: 1", "max_utilization: 90", "policy.max_utilization"),
        ("min_relative: 0.99", "min_relative: 99", "workloads.chat.quality.0.min_relative"),
        ("p50: 1020", "p50: 0", "workloads.chat.lengths.isl_tokens.p50"),
    ):
        assert faults_of(path, edited(case).replace(old, new, 1)) == {*alone, fault}


@pytest.mark.parametrize("command", [("solve",), ("hedge",), ("scenarios", "fit")])
def test_every_command_names_the_faults_that_check_names(planner, tmp_path, command):
    # A field that no problem has, a word that is no number, and names that no catalogue knows.
    wrong = VALID.replace("time_blocks: 1", "time_blocks: one").replace(
        "benchmark: mmlu_pro", "benchmark: mmlu_prof"
    )
    wrong = wrong.replace("providers: []", "providers: [nobody]").replace(
        "policy: {", "polic: {", 1
    )
    (tmp_path / "wrong.yaml").write_text(wrong, encoding="utf-8")

    checked = planner("check", tmp_path / "wrong.yaml")
    done = planner(*command, tmp_path / "wrong.yaml")

    assert (checked.code, done.code) == (2, 2)
    assert "nobody" in checked.err
    assert done.err.splitlines()[:-1] == checked.err.splitlines()[:-1]
