"""Ways to serve and reasons against others, as a reader sees them."""

from __future__ import annotations

import io
import re

import pytest

from planner.options.build import build_options
from planner.report.options_text import option_rows, write_options, write_rejections
from tests.options.world import catalog, demand, loaded, problem, row, workload

ENERGY = "energy_kwh_per_million_output_tokens_full"
OPTION = {
    "workload": "chat",
    "option_id": "llama-3.3-70b-instruct/fp8/vllm/mi300x-192gb/tp1",
    "capacity_rps": 4.77,
    "capacity_nominal_rps": 5.94,
    "limit": "tpot p99 of chat",
    "ttft_p99_ms": 1926.0,
    "tpot_mean_ms": 128.0,
    "draft": "",
    "tokens_per_step": 1.0,
    "kv_capacity_tokens": 342_000.0,
    "usd_per_hour": 2.39,
    "usd_per_million_tokens_full": 0.102,
    "power_w": 665.4,
    "energy_kwh_per_million_output_tokens_full": 0.2148,
    "dominated": False,
}


def rejection(subject, detail, kind="offer", reason="tenure", workload="", count=1):
    return {
        "kind": kind,
        "subject": subject,
        "workload": workload,
        "reason": reason,
        "detail": detail,
        "count": count,
        "shortfall": None,
    }


SPOT = "tenure spot is not among supply.tenures"
REJECTED = [
    *(rejection(f"aws:p5.48xlarge:us-east-{i}:spot", SPOT) for i in range(5)),
    rejection("aws:p5.48xlarge:us-east-1:reserved_1y", "tenure reserved_1y is not among them"),
    rejection("m/q/e/box/tp1", "weights need more " * 8, "option", "memory", "chat"),
    rejection("l40s-48gb", "no offer has 2 of them", "option", "no_price", "", 12),
]


def drawn(terminal):
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.fixture
def piped():
    out = io.StringIO()
    write_rejections(out, REJECTED)
    return [line.split("\t") for line in out.getvalue().strip().splitlines()]


@pytest.mark.parametrize(("width", "left_out"), [(80, 6), (100, 4), (190, 0)])
def test_an_option_keeps_its_name_speed_and_cost(terminal, monkeypatch, width, left_out):
    monkeypatch.setenv("COLUMNS", str(width))

    write_options(terminal, [OPTION])

    text = drawn(terminal)
    (row,) = [line for line in text.splitlines() if OPTION["option_id"] in line]
    assert {"4.77", "1,926", "128", "0.102"} <= set(row.split())
    assert (f"{left_out} columns left out" in text) == (left_out > 0)


def test_power_and_energy_are_shown_where_they_are_known():
    out = io.StringIO()

    write_options(out, [OPTION, OPTION | {"power_w": None, ENERGY: None}])

    title, known, unknown = (line.split("\t") for line in out.getvalue().splitlines()[-3:])
    place, energy = title.index("W"), title.index("kWh/Mtok out")
    assert (known[place], known[energy]) == ("665", "0.215")
    assert (unknown[place], unknown[energy]) == ("-", "-")


def rows_of(**accelerator):
    asked = problem(workload())
    facts = catalog(accelerators=[row("accelerators", **accelerator)])
    rates = demand(asked)
    return option_rows(build_options(loaded(asked), facts, rates), rates)


def test_rows_add_the_host_and_count_energy_in_kilowatt_hours():
    found = rows_of(tdp_w=700, accelerators_per_node=8, node_it_power_w=8 * 1_000)[0]

    assert found["power_idle_w"] < found["power_base_w"] < found["power_w"] < 700
    assert found["it_power_w"] == pytest.approx(found["power_w"] + 300)
    # 100 output tokens of a request: 1 kWh is 3.6 MJ.
    per_token_j = found["power_w"] / found["capacity_rps"] / 100
    assert found[ENERGY] == pytest.approx(per_token_j / 3.6)
    line_w = found["power_base_w"]
    line_w += found["marginal_energy_per_request_j"] * found["capacity_rps"]
    assert line_w == pytest.approx(found["power_w"])


def test_rows_say_nothing_of_power_without_a_rating():
    found = rows_of()[0]

    unknown = {name for name in found if "power" in name or "energy" in name}
    assert len(unknown) == 6
    assert {found[name] for name in unknown} == {None}


def test_host_is_left_out_where_the_node_is_unknown():
    found = rows_of(tdp_w=700)[0]

    assert found["power_w"] > 0
    assert found["it_power_w"] is None


def test_tokens_of_a_step_are_a_column_where_something_drafts(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    drafted = OPTION | {"option_id": "m/fp8/e/h/tp1/head-3", "draft": "head-3",
                        "tokens_per_step": 2.5}  # fmt: skip

    write_options(terminal, [OPTION])
    plain = terminal.getvalue()
    write_options(terminal, [OPTION, drafted])
    both = terminal.getvalue()[len(plain) :]

    assert "tok/step" not in plain
    assert "tok/step" in both
    assert re.search(r"head-3 .* 2\.50 ", both)


def test_options_of_several_workloads_name_them(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    write_options(terminal, [OPTION, OPTION | {"workload": "code"}])

    assert "workload" in drawn(terminal)
    assert drawn(terminal).count(OPTION["option_id"]) == 2


def test_one_reason_against_many_stands_once_with_count_and_examples(piped):
    assert piped[2] == [
        "aws:p5.48xlarge:us-east-0:spot, aws:p5.48xlarge:us-east-1:spot and 3 more offers",
        "",
        "tenure",
        SPOT,
        "5",
    ]


def test_another_tenure_is_another_reason(piped):
    assert piped[3][0] == "aws:p5.48xlarge:us-east-1:reserved_1y"
    assert piped[3][-1] == "1"


def test_a_name_that_stands_for_many_options_counts_them_all(piped):
    assert piped[5] == ["l40s-48gb", "", "no_price", "no offer has 2 of them", "12"]


@pytest.mark.parametrize("width", [80, 100])
def test_reasons_wrap_at_words_in_a_wide_column(terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))

    write_rejections(terminal, REJECTED)

    lines = [line for line in drawn(terminal).splitlines() if "weights" in line or "need" in line]
    assert 2 <= len(lines) <= 4
    assert all(re.search(r"(weights|need|more) *$", line) for line in lines)
    assert "against m/q/e/box/tp1" in drawn(terminal)


def test_a_reader_is_told_where_all_names_are(terminal):
    write_rejections(terminal, REJECTED)

    assert drawn(terminal).endswith("--json names all that a reason stands against\n")


def test_reasons_that_are_all_different_hide_nothing(terminal):
    write_rejections(terminal, REJECTED[5:])

    assert "--json names" not in drawn(terminal)
