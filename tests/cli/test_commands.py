"""Commands, exit codes and machine forms, through the real command."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.sweep.world import write_day

SMALL = "published/melange_readme"
FEW = (
    "chatbot_1m",
    *("--set", "candidates.hardware=[h100-sxm-80gb]", "--set", "candidates.quantizations=[fp8]"),
    *("--set", "candidates.tensor_parallel=[4]"),
)
"""A shipped problem with few options, so that the performance model has little to compute."""
COUNTED = "replica|node|accelerator|workload|scenario|option|reason|offer|variable|period|month"


def test_solve_prints_cost_proof_allocations_and_next_step(planner):
    done = planner("solve", SMALL)

    assert done.code == 0
    assert "melange-readme: 3,416 USD per month" in done.out
    assert "optimal: within 0.00% of the optimum" in done.out
    assert "1 x published-model/as-published/as-published/a10g-24gb/tp1" in done.out
    assert "Next:" in done.out
    assert done.err == ""


def test_solve_writes_the_plan_it_prints_as_json(planner, tmp_path):
    done = planner("solve", SMALL, "-o", "plan.json", "--json")

    assert done.code == 0
    assert done.out == (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_plan_file_has_the_fields_of_the_contract(planner):
    plan = planner("solve", SMALL, "--json").json

    assert {
        "schema_version", "problem", "catalog", "versions", "seed", "options", "status",
        "cost_usd", "bound_usd", "gap", "tco_usd", "solver", "allocations", "fleet", "api",
        "cost_lines", "unit_costs", "baselines", "binding", "warnings",
    } <= set(plan)  # fmt: skip
    assert {"name", "sha256", "text"} <= set(plan["problem"])
    assert {"sha256", "oldest_price_date"} <= set(plan["catalog"])
    assert {
        "period", "block", "pool", "workload", "rate_rps", "option_id", "model", "quantization",
        "engine", "hardware", "tensor_parallel", "pipeline_parallel", "replicas", "accelerators",
        "capacity_rps", "utilization", "ttft_p99_ms", "tpot_mean_ms", "quality",
        "capacity_nominal_rps", "coefficient_origin",
    } <= set(plan["allocations"][0])  # fmt: skip
    assert {
        "period", "block", "offer_id", "provider", "region", "instance", "tenure", "hardware",
        "nodes", "accelerators_per_node", "accelerators", "usd",
    } <= set(plan["fleet"][0])  # fmt: skip
    assert {
        "period", "category", "workload", "hardware", "tenure", "usd", "discounted_usd",
    } == set(plan["cost_lines"][0])  # fmt: skip


def test_sum_of_discounted_lines_is_the_cost(planner, tmp_path):
    over_years = ("--set", "horizon.periods=3", "--set", "finance.discount_rate_per_year=0.1")

    plan = planner("solve", write_day(tmp_path), *over_years, "--no-compare", "--json").json

    assert sum(r["discounted_usd"] for r in plan["cost_lines"]) == pytest.approx(plan["cost_usd"])
    assert sum(r["usd"] for r in plan["cost_lines"]) == pytest.approx(plan["tco_usd"])
    assert plan["cost_usd"] < plan["tco_usd"]


def test_infeasible_problem_exits_3_with_the_reason_and_writes_its_status(planner, tmp_path):
    quotas = (
        "supply.quotas=[{hardware: A10G, max_accelerators: 0}, "
        "{hardware: A100-80GB, max_accelerators: 1}]"
    )

    done = planner("solve", SMALL, "--set", quotas, "-o", "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))

    assert done.code == 3
    assert "quota of 1 x a100-sxm-80gb" in done.out
    assert plan["status"] == "infeasible"
    assert plan["cost_usd"] is None
    assert plan["allocations"] == []


def test_workload_that_nothing_serves_is_explained(planner):
    done = planner(
        "solve", "chatbot_1m", "--set", "candidates.models=[llama-3.1-8b-instruct]", "--no-compare"
    )

    assert done.code == 3
    assert "chat: none of 72 options can serve it" in done.out
    assert "mmlu_pro 0.4830" in done.out


def test_no_time_exits_5_and_leaves_no_cost(planner):
    done = planner("solve", *FEW, "--time-limit", "0.001", "--no-compare", "--json")

    assert done.code in {4, 5}
    if done.code == 5:
        assert done.json["cost_usd"] is None


def test_options_lists_ways_to_serve_as_json(planner):
    answer = planner("options", "chatbot_1m", "--json").json

    served = answer["options"]
    assert answer["considered"] == 216
    assert {row["model"] for row in served} == {"llama-3.3-70b-instruct"}
    assert all(row["capacity_rps"] <= row["capacity_nominal_rps"] for row in served)
    assert any(r["reason"] == "quality" for r in answer["rejected"])
    assert {row["usable"] for row in answer["api"]} == {False}


def test_options_names_what_cannot_serve_and_why(planner):
    done = planner("options", "chatbot_1m", "--rejected")

    assert done.code == 0
    assert "vllm is not known to run int4 on cdna3 (mi300x-192gb)" in done.out
    assert "usable GB for the KV cache" in done.out


def test_options_names_a_reason_once_and_everything_it_is_against_as_json(planner):
    shown = planner("options", "chatbot_1m", "--rejected").out.strip().splitlines()
    listed = planner("options", "chatbot_1m", "--json").json["rejected"]

    lines = [line.split("\t") for line in shown[2:]]
    assert sum("tenure spot is not among" in line[3] for line in lines) == 1
    assert sum(int(line[4]) for line in lines) == sum(row["count"] for row in listed)
    assert len(lines) < len(listed) / 3


def test_options_of_one_workload_only(planner):
    done = planner("options", SMALL, "--workload", "input0-output0", "--json")

    assert {row["workload"] for row in done.json["options"]} == {"input0-output0"}


def test_unknown_workload_is_refused_with_the_names(planner):
    done = planner("options", SMALL, "--workload", "input0-output2")

    assert done.code == 2
    assert "input0-output0" in done.err


def test_nothing_is_counted_in_the_plural_of_one(planner):
    for arguments in (("check", SMALL), ("options", SMALL), ("solve", SMALL)):
        shown = planner(*arguments).out

        assert not re.search(rf"(?<![\d.,])1 ({COUNTED})s\b", shown)
        assert "(s)" not in shown


def test_schema_of_problem_and_catalogue_is_json(planner):
    problem = planner("schema", "problem").json
    catalog = planner("schema", "catalog").json

    assert "workloads" in problem["properties"]
    assert "offers" in catalog["properties"]
    assert planner("schema", "plan").code == 2


def test_overlay_may_be_given_before_or_after_the_command(planner, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "offers.csv").write_text(
        "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,"
        "source,as_of\nme,box,here,on_demand,h100-sxm-80gb,8,1,2026-11,my quote,2026-11\n",
        encoding="utf-8",
    )

    before = planner("--catalog", folder, "catalog", "list", "offers", "provider=me", "--json")
    after = planner("catalog", "list", "offers", "provider=me", "--catalog", folder, "--json")

    assert before.json == after.json
    assert len(after.json) == 1


def test_overlay_that_halves_a_price_never_raises_the_cost(planner, tmp_path):
    folder = tmp_path / "cheap"
    folder.mkdir()
    (folder / "offers.csv").write_text(
        "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,"
        "source,as_of\npublished,A100-80GB,any,on_demand,A100-80GB,1,1.835,2024,half,2024\n",
        encoding="utf-8",
    )

    base = planner("solve", SMALL, "--gap", "0", "--no-compare", "--json").json
    half = planner(
        "solve", SMALL, "--gap", "0", "--no-compare", "--catalog", folder, "--json"
    ).json

    assert half["cost_usd"] < base["cost_usd"]


def test_program_can_be_written_for_another_solver(planner, tmp_path):
    done = planner("solve", SMALL, "--write-lp", "p.lp", "--write-mps", "p.mps", "--no-compare")

    assert done.code == 0
    assert "Minimize" in (tmp_path / "p.lp").read_text(encoding="utf-8")
    assert (tmp_path / "p.mps").read_text(encoding="utf-8").count("RHS") >= 1


def test_cbc_finds_the_same_cost(planner):
    highs = planner("solve", SMALL, "--gap", "0", "--no-compare", "--json").json
    cbc = planner("solve", SMALL, "--gap", "0", "--no-compare", "--solver", "cbc", "--json").json

    assert cbc["cost_usd"] == pytest.approx(highs["cost_usd"], rel=1e-9)


def test_piped_tables_are_tab_separated_without_box_characters(planner):
    out = planner("options", SMALL).out

    assert "\t" in out
    assert not set("─│╭") & set(out)


def test_ctrl_c_ends_a_solve_at_once_and_leaves_no_file(tmp_path):
    command = ["solve", "chatbot_1m", "--scenario", "interactive", "--gap", "0", "-o", "plan.json"]
    with subprocess.Popen(
        [sys.executable, "-m", "planner", *command], cwd=tmp_path, stdout=subprocess.PIPE
    ) as running:
        time.sleep(2.0)

        running.send_signal(signal.SIGINT)
        code = running.wait(timeout=5)

    assert code == -signal.SIGINT
    assert list(tmp_path.iterdir()) == []


def test_every_impossible_limit_is_reported_with_what_it_would_need(planner):
    done = planner(
        "solve",
        "chatbot_1m",
        *("--set", "workloads.chat.slo.0.limit=5"),
        *("--set", "workloads.chat.slo.1.limit=1"),
    )

    assert done.code == 2
    assert "5 ms is tighter than any option can be" in done.err
    assert "1 ms is tighter than any option can be" in done.err
    assert "2 errors" in done.err


def test_imported_traffic_becomes_a_workload_that_solves(planner, tmp_path):
    lines = ["timestamp_s,input_tokens,output_tokens"]
    lines += [f"{i * 3.6},{200 + i % 700},{20 + i % 90}" for i in range(24_000)]
    (tmp_path / "trace.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    done = planner("demand", "import", "csv", "trace.csv", "-o", "mine.yaml", "--name", "mine")
    record = (tmp_path / "mine.yaml").read_text(encoding="utf-8")

    assert done.code == 0
    assert "requests_per_day" in record
    assert (tmp_path / "mine_lengths.csv").is_file()


def test_imported_prices_become_an_overlay_that_is_used(planner, tmp_path):
    prices = {
        "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo": {
            "litellm_provider": "together_ai",
            "mode": "chat",
            "input_cost_per_token": 1e-7,
            "output_cost_per_token": 2e-7,
        },
        "nobody/unheard-of": {
            "litellm_provider": "nobody",
            "mode": "chat",
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 1e-6,
        },
    }
    (tmp_path / "prices.json").write_text(json.dumps(prices), encoding="utf-8")

    done = planner(
        "catalog", "import", "litellm", "prices.json", "-o", "mine", "--as-of", "2026-11-20"
    )
    rows = planner("catalog", "list", "api_offers", "--catalog", "mine", "--json").json

    assert done.code == 0
    assert "unknown_model" in done.out
    assert any(r["input_usd_per_mtok"] == pytest.approx(0.1) for r in rows)


def test_import_of_nothing_usable_writes_nothing(planner, tmp_path):
    (tmp_path / "prices.json").write_text("{}", encoding="utf-8")

    done = planner("catalog", "import", "litellm", "prices.json", "-o", "mine")

    assert done.code == 2
    assert not (tmp_path / "mine").exists()


def test_a_plan_never_overwrites_its_problem_or_another_output(planner, tmp_path):
    from planner.catalog.location import shipped_path

    text = (shipped_path("problems") / "chatbot_1m.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")

    own = planner("solve", "mine.yaml", "-o", "mine.yaml")
    same = planner("solve", "mine.yaml", "-o", "a.json", "--write-lp", "a.json")
    device = planner("solve", "mine.yaml", "-o", "/dev/null")

    assert (own.code, same.code, device.code) == (2, 2, 2)
    assert "would overwrite the problem file" in own.err
    assert "would overwrite another output" in same.err
    assert "name an ordinary file" in device.err
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == text
    assert [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]


def test_an_overlay_without_a_table_is_refused(planner, tmp_path):
    (tmp_path / "empty").mkdir()

    done = planner("solve", SMALL, "--catalog", "empty")

    assert done.code == 2
    assert "the overlay holds no table" in done.err


def test_an_overlay_offer_of_unknown_hardware_is_refused(planner, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "offers.csv").write_text(
        "provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,"
        "source,as_of\nme,box,here,on_demand,H1000,8,1,2026-11,my quote,2026-11\n",
        encoding="utf-8",
    )

    done = planner("solve", "chatbot_1m", "--catalog", "mine")

    assert done.code == 2
    assert "`H1000` is in no table" in done.err


def test_a_cap_on_models_that_does_not_bind_costs_nothing(planner):
    exact = ("--no-compare", "--json")

    free = planner("solve", *FEW, *exact).json
    capped = planner("solve", *FEW, "--set", "policy.max_models=1", *exact).json

    assert capped["status"] == "optimal"
    assert capped["cost_usd"] <= free["cost_usd"] * 1.01


def test_prices_left_out_for_their_age_are_noted(planner):
    plan = planner("solve", *FEW, "--set", "horizon.start=2027-02", "--no-compare", "--json").json

    assert any("older than 365 days" in text for text in plan["warnings"])


NARROW = (
    "candidates.hardware=[h200-sxm-141gb]",
    "candidates.quantizations=[fp8]",
    "candidates.tensor_parallel=[1, 2]",
    "candidates.disaggregation=on",
)


def test_options_show_units_of_prefill_and_decode_instances(planner):
    settings = [part for item in NARROW for part in ("--set", item)]

    rows = planner("options", "chatbot_1m", *settings, "--json").json["options"]

    (unit,) = (r for r in rows if r["option_id"].endswith("/2p-tp1+1d-tp2"))
    parts = ("prefill_instances", "prefill_tensor_parallel", "decode_instances")
    assert [unit[name] for name in parts] == [2, 1, 1]
    assert (unit["tensor_parallel"], unit["accelerators"]) == (2, 4)
    plain = next(r for r in rows if r["option_id"].endswith("/tp2"))
    assert [plain[name] for name in parts] == [None, None, None]


def test_a_misspelt_disaggregation_is_refused_with_what_is_accepted(planner):
    done = planner("options", "chatbot_1m", "--set", "candidates.disaggregation=maybe")

    assert done.code == 2
    assert "`maybe` is not accepted; use `off` or `on`" in done.err
