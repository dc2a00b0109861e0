"""``planner check`` of problems that are valid, and what it points out."""

from __future__ import annotations

from pathlib import Path

from tests.hedge.world import scenario, without_cost_of_support, write_halves
from tests.sweep.world import write_day


def test_check_points_out_an_excluded_option_that_there_is_not(planner, tmp_path):
    text = (Path(__file__).parents[2] / "problems" / "chatbot_1m.yaml").read_text()
    text = text.partition("scenarios:")[0]  # each of them would be prepared
    models = "[llama-3.1-8b-instruct, llama-3.3-70b-instruct, llama-3.1-405b-instruct]"
    assert models in text
    assert "tensor_parallel: [1, 2, 4, 8]" in text
    option = "{option: no/such/option, blocks: [3]}"
    text = text.replace("    slo:", f"    excluded_options: [{option}]\n    slo:", 1)
    file = tmp_path / "mine.yaml"
    text = text.replace(models, "[llama-3.3-70b-instruct]", 1)
    file.write_text(text.replace("tensor_parallel: [1, 2, 4, 8]", "tensor_parallel: [2]", 1))

    done = planner("check", str(file))
    note = "chat: excluded_options names `no/such/option`, which is no option here"

    assert done.code == 0
    assert f"note: {note}" in done.out
    assert planner("check", str(file), "--json").json["notes"][0].startswith(note)


def test_check_validates_every_scenario(planner, tmp_path):
    problem = write_day(tmp_path)
    more = "  idle: {workloads: [{name: chat, arrival: {mean_rate_rps: 1}}]}\n"
    problem.write_text(problem.read_text(encoding="utf-8") + more, encoding="utf-8")

    done = planner("check", problem, "--json")

    assert done.json["scenarios"] == ["busy", "idle"]
    assert done.json["notes"] == []


def test_check_finds_what_is_wrong_with_one_scenario(planner, tmp_path):
    problem = write_day(tmp_path)
    more = "  idle: {workloads: [{name: chat, arrival: {mean_rate_rps: -1}}]}\n"
    problem.write_text(problem.read_text(encoding="utf-8") + more, encoding="utf-8")

    done = planner("check", problem)

    assert done.code == 2
    assert "[scenario idle] workloads.chat.arrival.mean_rate_rps" in done.err


def test_check_says_which_price_path_moves_nothing(planner, tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y")
    items = (
        "{name: mine, hardware: h100-sxm-80gb, tenure: on_demand, change_per_year: -0.1}",
        "{name: wide, tenure: reserved_1y, change_per_year: -0.1}",
        "{name: idle, server: box-1x, change_per_year: -0.1}",
        "{name: hidden, provider: me, tenure: on_demand, change_per_year: -0.1}",
    )
    text = path.read_text(encoding="utf-8")
    listed = f"supply: {{price_paths: [{', '.join(items)}], "
    path.write_text(text.replace("supply: {", listed, 1), encoding="utf-8")

    notes = planner("check", path, "--json").json["notes"]

    assert [note.partition(" moves no price")[0] for note in notes] == [
        "supply.price_paths.idle", "supply.price_paths.hidden",
    ]  # fmt: skip


def test_check_says_what_contracts_are_in_vain(planner, tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y")
    listed = (
        "volume_discounts: [{name: v, provider: aws, tenures: [on_demand], "
        "tiers: [{from_usd_per_month: 2, discount: 0.1}]}], "
        "spend_commitments: [{name: s, provider: aws, term_months: 12, discount: 0.1}], "
        "capacity_blocks: [{name: b, provider: aws, hardware: h100-sxm-80gb, "
        "accelerators_per_node: 1, since: 2027-01, until: 2028-01, max_nodes: 1, "
        "usd_per_node_hour: 1}], "
    )
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("supply: {", f"supply: {{{listed}", 1), encoding="utf-8")

    done = planner("check", path, "--json")

    assert done.code == 0, done.err
    assert [note.partition(":")[0] for note in done.json["notes"]] == [
        "supply.spend_commitments",
        "volume discount v has no effect",
        "capacity block b is left out",
    ]


def test_check_says_which_discounts_are_in_vain(planner, tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y")
    (tmp_path / "agreed").mkdir()
    columns = "provider,tenure,discount_fraction,valid_from,source,as_of"
    rows = [f"{name},0.1,2026,us,2026-11" for name in ("me,on_demand", "aws,on_demand", "me,spot")]
    listed = tmp_path / "agreed" / "discounts.csv"
    listed.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")

    notes = planner("check", path, "--catalog", tmp_path / "agreed", "--json").json["notes"]

    spot, other = notes  # each once, though the scenario has them too
    assert spot.startswith(f"{listed}:4 me:spot:2026: no price of 2027-01-01 takes it")
    assert other.startswith(f"{listed}:3 aws:on_demand:2026: it changes no plan: aws:")
    assert "(provider aws is not among supply.providers)" in other


def test_check_says_which_named_servers_cannot_be_bought(planner, tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y, owned")
    without_cost_of_support(tmp_path / "prices")

    shown, told = planner("check", path), planner("check", path, "--json").json

    (note,) = told["notes"]  # once, though its scenario has it too
    assert note.startswith("owned:box-1x is left out, though supply.servers names it: not known")
    assert f"\nnote: {note}\n" in shown.out
    assert shown.code == 0


def test_check_says_which_people_no_hosting_can_need(planner, tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], "reserved_1y")
    text = path.read_text(encoding="utf-8")
    people = "{usd_per_fte_year: 1, owned: {fte: 1}, rented: {fte: 1}, api: {fte: 1}}"
    path.write_text(text.replace("supply: {", f"supply: {{staff: {people}, "), encoding="utf-8")

    notes = planner("check", path, "--json").json["notes"]

    assert [note.partition(":")[0] for note in notes] == [
        "supply.staff.owned (fte) costs nothing", "supply.staff.api (fte) costs nothing",
    ]  # fmt: skip
