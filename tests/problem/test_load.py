"""Reading problem files: finding them, priorities, paths, hashes and several faults at once."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import find_problem, load_problem

TABLE = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"


def test_shipped_problems_are_found_by_name():
    assert find_problem("chatbot_1m").name == "chatbot_1m.yaml"
    assert find_problem("published/melange_readme").name == "melange_readme.yaml"
    assert find_problem("problems/chatbot_1m.yaml").name == "chatbot_1m.yaml"


def test_a_file_wins_over_a_shipped_problem_of_the_same_name(problem_file, monkeypatch):
    path = problem_file()
    path.rename(path.with_name("chatbot_1m.yaml"))
    monkeypatch.chdir(path.parent)

    assert load_problem("chatbot_1m.yaml").problem.name == "base"


def test_unknown_problem_is_answered_with_the_nearest_and_all_names():
    with pytest.raises(InputError, match=r"did you mean `chatbot_1m`\? Shipped problems: accel"):
        find_problem("chatbot1m")


def test_problems_that_are_wrong_on_purpose_are_not_advertised():
    with pytest.raises(InputError) as caught:
        find_problem("zzz")

    assert "infeasible" not in str(caught.value)


def test_a_folder_is_not_a_problem(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a problem file"):
        find_problem(tmp_path)


def test_a_link_to_a_problem_is_followed(problem_file):
    path = problem_file()
    link = path.with_name("link.yaml")
    link.symlink_to(path)

    assert load_problem(link).problem.name == "base"


def test_a_link_to_nothing_does_not_exist(tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "absent.yaml")

    with pytest.raises(InputError, match="does not exist"):
        load_problem(link)


def test_defaults_are_those_of_the_contract(problem_file):
    problem = load_problem(problem_file()).problem

    assert problem.time_blocks == 24
    assert problem.finance.discount_rate_per_year == 0.08
    assert problem.policy.confidence == 0.8
    assert problem.policy.forecast_confidence == 0.5
    assert problem.supply.max_price_age_days == 365
    assert problem.supply.api_latency == "require"
    assert problem.workload("chat").pool_name == "chat"


def test_whole_numbers_are_accepted_where_fractions_are_meant(problem_file):
    path = problem_file(("spare_replicas: 1", "max_utilization: 1"))

    assert load_problem(path).problem.policy.max_utilization == 1.0


def test_scenario_wins_over_the_file(problem_file):
    problem = load_problem(problem_file(), "calm").problem

    assert problem.workload("code").arrival.requests_per_day == 5
    assert problem.workload("chat").arrival.requests_per_day == 1000


def test_assignment_wins_over_the_scenario(problem_file):
    problem = load_problem(
        problem_file(), "calm", ["workloads.code.arrival.requests_per_day=6"]
    ).problem

    assert problem.workload("code").arrival.requests_per_day == 6


def test_assignment_reaches_what_only_the_scenario_adds(problem_file):
    problem = load_problem(problem_file(), "more", ["workloads.batch.pool=chat"]).problem

    assert problem.workload("batch").pool_name == "chat"


def test_what_was_applied_is_kept(problem_file):
    loaded = load_problem(problem_file(), "calm", ["name=x"])

    assert (loaded.scenario, loaded.assignments) == ("calm", ("name=x",))


def test_hash_does_not_depend_on_layout_comments_or_key_order(problem_file, text):
    first = load_problem(problem_file()).sha256
    head, tail = text.split("policy: {spare_replicas: 1}\n")
    other = f"# a comment\npolicy:\n    spare_replicas:   1  # one\n{head}{tail}"

    assert load_problem(problem_file(text=other)).sha256 == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("spare_replicas: 1", "spare_replicas: 2"),
        ("name: base", "name: case"),
        ("limit: 2000", "limit: 2001"),
        ("requests_per_day: 7", "requests_per_day: 8"),
    ],
)
def test_hash_depends_on_every_value(old, new, problem_file):
    first = load_problem(problem_file()).sha256

    assert load_problem(problem_file((old, new))).sha256 != first


def test_hash_of_an_assignment_is_the_hash_of_the_file_written_so(problem_file):
    changed = load_problem(problem_file(("spare_replicas: 1", "spare_replicas: 3"))).sha256

    assert load_problem(problem_file(), None, ["policy.spare_replicas=3"]).sha256 == changed


def test_paths_start_from_the_folder_of_the_problem_file(problem_file, monkeypatch, tmp_path):
    path = problem_file(("name: base\n", "name: base\nperformance: in/m.csv\ncatalog: [in]\n"))
    (path.parent / "in").mkdir()
    (path.parent / "in" / "m.csv").write_text(f"{TABLE}chat,m,bf16,gpu,1,vllm,2\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    loaded = load_problem(path)

    assert loaded.measured[0].capacity_rps == 2.0
    assert loaded.overlays == (path.parent / "in",)


def test_lengths_may_be_left_out_when_capacities_are_measured(problem_file):
    path = problem_file(
        ("name: base\n", "name: base\nperformance: m.csv\n"),
        ("    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 10}}\n", ""),
    )
    (path.parent / "m.csv").write_text(f"{TABLE}chat,m,bf16,gpu,1,vllm,2\n")

    assert load_problem(path).problem.workload("chat").lengths is None


def test_faults_of_the_file_its_table_and_its_overlays_come_together(problem_file):
    path = problem_file(
        ("name: base\n", "name: base\nperformance: m.csv\ncatalog: [absent]\n"),
        ("spare_replicas: 1", "spare_replicas: x"),
    )
    (path.parent / "m.csv").write_text(f"{TABLE}chat,m,bf16,gpu,1,vllm,fast\n")

    with pytest.raises(InputError) as caught:
        load_problem(path)

    places = [(f.line, f.path) for f in caught.value.faults]
    assert places == [(4, "catalog.0"), (16, "policy.spare_replicas"), (2, "m.capacity_rps")]


def test_names_that_lead_nowhere_join_the_other_faults_when_overlays_are_known(problem_file):
    path = problem_file(
        ("name: base\n", "name: base\ncandidates: {engines: [vlm]}\n"),
        ("spare_replicas: 1", "spare_replicas: x"),
    )

    with pytest.raises(InputError) as caught:
        load_problem(path, overlays=())

    paths = [f.path for f in caught.value.faults]
    assert paths == ["candidates.engines.0", "policy.spare_replicas"]


def test_names_wait_when_overlays_are_not_known(problem_file):
    path = problem_file(
        ("name: base\n", "name: base\ncandidates: {engines: [vlm]}\n"),
        ("spare_replicas: 1", "spare_replicas: x"),
    )

    with pytest.raises(InputError) as caught:
        load_problem(path)

    assert [f.path for f in caught.value.faults] == ["policy.spare_replicas"]


def test_a_wrong_workload_name_does_not_make_its_measurements_wrong(problem_file):
    path = problem_file(
        ("name: base\n", "name: base\nperformance: m.csv\n"), ("- name: chat", "- name: my chat")
    )
    (path.parent / "m.csv").write_text(f"{TABLE}my chat,m,bf16,gpu,1,vllm,2\n")

    with pytest.raises(InputError) as caught:
        load_problem(path)

    assert [f.path for f in caught.value.faults] == ["workloads.my chat.name"]


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_a_folder_is_no_problem(folder):
    with pytest.raises(InputError, match="is a folder, not a problem file"):
        load_problem(folder)
