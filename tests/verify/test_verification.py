"""Plan files verified from end to end: read back, audited, replayed, and told in words."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from planner.cli.main import app
from planner.errors import InputError
from planner.pipeline import SolveSettings, solve_prepared
from planner.plan.json_io import plan_json
from planner.plan.plan_file import read_plan
from planner.preparation import prepare
from planner.report.verify_text import write_verification
from planner.verify.replay.run import ReplaySettings
from planner.verify.verification import open_plan, traces_of, verify_plan

CHANGES = (
    "time_blocks=1", "workloads.chat.arrival.requests_per_day=200000",
    "candidates.hardware=[h100-sxm-80gb]", "candidates.models=[llama-3.3-70b-instruct]",
)  # fmt: skip


@pytest.fixture(scope="module")
def text():
    """Return the plan of a small chatbot as JSON."""
    plan = solve_prepared(prepare("chatbot_1m", None, CHANGES), SolveSettings(compare=False))
    assert plan.cost_usd is not None
    return plan_json(plan)


@pytest.fixture
def path(text, tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(text)
    return file


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def burst_file(folder):
    """Return a trace in which 150 requests come at once every five minutes."""
    at_s = np.repeat(np.arange(0, 3_600, 300.0), 150)
    rows = [f"{t},3000,200" for t in at_s]
    file = folder / "bursts.csv"
    file.write_text("\n".join(["timestamp_s,input_tokens,output_tokens", *rows]))
    return file


def run(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_a_plan_is_read_back_as_it_was(path, text):
    assert plan_json(read_plan(path)) == text


def refused(path):
    with pytest.raises(InputError) as error:
        open_plan(path)
    assert error.value.outcome == "nothing was verified"
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema_version=2), "a plan of schema 2; this version reads schema 1"),
        (lambda c: c.pop("gap"), "gap"),
        (lambda c: c.pop("warnings"), "warnings\n    is missing: the plan is of another version"),
        (lambda c: c.update(extra=1), "extra\n    is no field of a plan that this version knows"),
        (lambda c: c["fleet"][0].update(nodes="3"), "fleet.0.nodes"),
        (lambda c: c["fleet"][0].update(nodes=1.5), "fleet.0.nodes"),
        (lambda c: c["allocations"][0].update(colour=1), "allocations.0.colour"),
        (lambda c: c.update(tco_usd=float("nan")), "holds NaN; every number of a plan is finite"),
        (lambda c: c["problem"].update(text=None), "does not hold the text of its problem"),
        (lambda c: c["problem"].update(text="a: ["), "problem of"),
    ],
)
def test_files_that_are_no_whole_plan_are_refused(path, change, message):
    assert message in refused(edited(path, change))


def test_no_file_and_no_json_are_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("chat")
    assert "is not JSON" in refused(tmp_path / "text.json")


def test_a_plan_without_allocations_is_refused(path):
    def infeasible(content):
        content.update(status="infeasible", cost_usd=None, allocations=[])

    assert "holds no plan to verify: its status is infeasible" in refused(edited(path, infeasible))


def test_a_sound_plan_is_kept(path):
    done = run(path, "--seeds", 2, "--json")

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["audit"] == found["broken"] == found["not_replayed"] == found["notes"] == []
    assert found["kept"] is True
    (chat,) = found["workloads"]
    assert chat["workload"] == "chat"
    assert chat["kept"] is True
    assert chat["slo_attainment"] >= chat["promised"] == 0.99
    assert chat["ttft_p99_ms"] <= 2_000


@pytest.mark.usefixtures("every_time")
def test_the_same_command_gives_the_same_bytes(path):
    assert run(path, "--seeds", 2, "--json").stdout == run(path, "--seeds", 2, "--json").stdout


def test_a_changed_figure_is_reported_and_nothing_is_replayed(path):
    edited(path, lambda c: c["fleet"][0].update(usd=c["fleet"][0]["usd"] + 1))

    done = run(path, "--json")

    assert done.exit_code == 6
    found = json.loads(done.stdout)
    assert found["kept"] is False
    assert found["workloads"] == []
    assert any("USD" in line for line in found["audit"])
    assert "BROKEN: " in run(path).stdout


def test_a_changed_problem_is_reported(path):
    def tighter(content):
        content["problem"]["text"] = content["problem"]["text"].replace(
            "limit: 2000", "limit: 900"
        )

    done = run(edited(path, tighter), "--json")

    assert done.exit_code == 6
    assert "is not the problem of problem.sha256" in json.loads(done.stdout)["audit"][0]


def test_a_broken_promise_is_told_in_words(path, tmp_path):
    done = run(path, "--seeds", 2, "--trace", burst_file(tmp_path))

    assert done.exit_code == 6
    assert "BROKEN: chat in 0-24 h: ttft p99 is" in done.stdout
    assert "promised 2,000 ms" in done.stdout
    assert "KEPT" not in done.stdout


def test_the_verdict_of_a_kept_plan_is_in_words(path):
    opened = open_plan(path)
    out = io.StringIO()
    seen = []

    found = verify_plan(
        opened, ReplaySettings(seeds=2), lambda done, all_: seen.append((done, all_))
    )
    write_verification(out, found)

    assert "audit: every figure of the plan agrees" in out.getvalue()
    assert out.getvalue().rstrip().endswith("KEPT: every promise holds in the replay")
    assert seen == [(1, 1)]


def test_another_catalogue_is_mentioned(path):
    edited(path, lambda c: c["catalog"].update(sha256="0" * 64))

    assert "the catalogue is not the one" in run(path, "--seeds", 1).stdout


def test_traces_are_named_by_workload(path, tmp_path):
    problem = open_plan(path).loaded.problem
    file = burst_file(tmp_path)

    assert set(traces_of(problem, [str(file)], Path)) == {"chat"}
    assert set(traces_of(problem, [f"chat={file}"], Path)) == {"chat"}
    two = problem.model_copy(
        update={
            "workloads": [
                *problem.workloads,
                problem.workloads[0].model_copy(update={"name": "code"}),
            ]
        }
    )
    with pytest.raises(InputError) as error:
        traces_of(two, [str(file), f"cod={file}", f"chat={file}", f"chat={file}"], Path)
    assert "say whose requests these are, WORKLOAD=" in str(error.value)
    assert "no workload `cod`; did you mean `code`?" in str(error.value)
    assert "workload chat has a trace already" in str(error.value)


def test_recorded_rates_are_compared_with_those_of_the_plan(path, tmp_path):
    mean_rps = open_plan(path).plan.allocations[0].rate_rps
    rows = [f"{k / (1.5 * mean_rps):.6f},100,10" for k in range(2_000)]
    file = tmp_path / "busy.csv"
    file.write_text("\n".join(["timestamp_s,input_tokens,output_tokens", *rows]))

    done = run(path, "--seeds", 2, "--trace", file, "--recorded-rates")

    assert done.exit_code == 0
    assert "chat comes as recorded, " in done.stdout
    assert ": 1.5 times the mean that the plan counts on" in done.stdout
    assert "comes as recorded" not in run(path, "--seeds", 2, "--trace", file).stdout


def test_recorded_rates_without_a_record_end_with_code_2(path):
    done = run(path, "--recorded-rates")

    assert isinstance(done.exception, InputError)
    assert "has a meaning with --trace only" in str(done.exception)


def test_a_bad_trace_ends_with_code_2(path, tmp_path):
    file = tmp_path / "trace.csv"
    file.write_text("a,b\n1,2\n")

    done = run(path, "--trace", file)

    assert isinstance(done.exception, InputError)
    assert "nothing was verified" in str(done.exception)


def test_files_of_the_problem_are_looked_for_beside_the_file_that_is_named(path, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("schema_version: 1\n")

    done = run(path, "--problem", other)

    assert "has another text than the problem in the plan" in str(done.exception)


def test_stress_is_one_table_before_the_verdict(path):
    done = run(path, "--seeds", 2, "--stress", "--stress-demand", 1.2)

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    heads = [line.split("\t") for line in lines if line.startswith("workload\tstress")]
    (head,) = heads
    assert head[:4] == ["workload", "stress", "promised", "within limits"]
    rows = [line.split("\t") for line in lines if line.startswith("chat\t") and " MB" not in line]
    assert [r[1] for r in rows if len(r) == len(head)][:2] == [
        "1.2 x the demand", "outputs 1.25 x as long",
    ]  # fmt: skip
    assert lines[-1] == "KEPT: every promise holds in the replay"


def test_stress_has_a_machine_form(path):
    first, again = (run(path, "--seeds", 2, "--stress", "--json") for _ in range(2))

    assert first.stdout == again.stdout
    found = json.loads(first.stdout)["stress"]
    assert found["settings"] == {"demand": 1.5, "outputs": 1.25, "hit_rate": 0.5}
    rows = {row["stress"]: row for row in found["rows"]}
    assert rows.keys() == {
        "demand", "output_length", "node_loss", "provider_loss", "prefix_cache",
    }  # fmt: skip
    for row in rows.values():
        assert row["before"]["slo_attainment"] >= row["promised"] == 0.99
        assert 0 <= row["after"]["slo_attainment"] <= row["before"]["slo_attainment"]
    assert json.loads(run(path, "--seeds", 1, "--json").stdout)["stress"] is None


def test_factors_of_stress_are_checked_at_once(path):
    wrong = run(path, "--stress", "--stress-demand", "nan", "--stress-hit-rate", 2)
    alone = run(path, "--stress-outputs", 1.5)

    assert "--stress-demand nan\n    is no factor that can be replayed; use 0.1 to 10" in str(
        wrong.exception
    )
    assert "--stress-hit-rate 2\n    is no share of the hits; use 0 to 1" in str(wrong.exception)
    assert "has a meaning with --stress only" in str(alone.exception)
    assert "nothing was verified" in str(alone.exception)


PRICED = """schema_version: 1
name: priced
horizon: {start: 2027-01}
time_blocks: 1
catalog: [prices]
performance: table.csv
workloads:
  - {name: chat, arrival: {mean_rate_rps: 4.0}}
candidates: {models: [m], hardware: [h100-sxm-80gb], tensor_parallel: [1], engines: [vllm]}
supply: {tenures: [on_demand]}
policy: {spare_replicas: 0}
"""
OFFERS = (
    "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,"
    "source,as_of\n"
    "acme,one,north,on_demand,h100-sxm-80gb,1,2.0,2026,a test,2026-06-01\n"
)
TABLE = (
    "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"
    "chat,m,bf16,h100-sxm-80gb,1,vllm,3.0\n"
)


@pytest.fixture
def priced(tmp_path):
    """Return a problem with an overlay and a table of its own, and a plan in another folder."""
    home, plans = tmp_path / "asked" / "here", tmp_path / "plans"
    (home / "prices").mkdir(parents=True)
    plans.mkdir()
    (home / "problem.yaml").write_text(PRICED)
    (home / "prices" / "offers.csv").write_text(OFFERS)
    (home / "table.csv").write_text(TABLE)
    done = CliRunner().invoke(
        app, ["solve", str(home / "problem.yaml"), "-o", str(plans / "plan.json")]
    )
    assert done.exit_code == 0, done.output
    return plans / "plan.json"


def test_a_plan_finds_the_overlays_of_its_problem_from_another_folder(priced, tmp_path):
    assert json.loads(priced.read_text())["problem"]["folder"] == "../asked/here"
    assert open_plan(priced).catalog.sha256 == json.loads(priced.read_text())["catalog"]["sha256"]
    assert "agrees" in run(priced).stdout

    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("asked", "plans"):
        (tmp_path / name).rename(moved / name)
    assert "agrees" in run(moved / "plans" / "plan.json").stdout


def test_overlays_that_are_gone_are_named_with_what_to_do(priced, tmp_path):
    (tmp_path / "asked").rename(tmp_path / "elsewhere")

    done = run(priced)

    assert "there is no overlay folder `prices`" in str(done.exception)
    assert f"planner verify {priced} --problem FILE" in done.exception.next_step
    home = tmp_path / "elsewhere" / "here"
    assert "agrees" in run(priced, "--problem", home / "problem.yaml").stdout


def test_a_plan_beside_its_problem_records_no_folder(priced, tmp_path):
    home = tmp_path / "asked" / "here"
    CliRunner().invoke(app, ["solve", str(home / "problem.yaml"), "-o", str(home / "p.json")])

    assert "folder" not in json.loads((home / "p.json").read_text())["problem"]


def test_cost_incurred_is_in_both_forms(path):
    data = json.loads(run(path, "--seeds", 2, "--json").stdout)["incurred"]
    lines = run(path, "--seeds", 2).stdout.splitlines()

    assert data["plan_usd"] == pytest.approx(read_plan(path).tco_usd)
    assert data["usd"] == pytest.approx(data["plan_usd"], abs=0.01)
    assert data["workloads"][0]["workload"] == "chat"
    head = lines.index(
        "workload\tcost\tplan USD\tincurred USD\t95 % interval\tmore\tUSD per 1,000 requests"
    )
    assert lines[head + 1].startswith("chat\ton demand\t")
