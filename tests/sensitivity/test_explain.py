"""What a plan hangs on: the same program with a little more of each limit."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from planner.infeasibility import explain_prepared
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.sensitivity import explain_plan
from planner.sensitivity.changes import changes_of
from planner.sensitivity.explain import ExplainSettings
from planner.sensitivity.text import write_sensitivity
from tests.hedge.world import OFFERS as HALVES_OFFERS
from tests.hedge.world import scenario, write_halves
from tests.infeasibility.test_planted import (  # noqa: F401 - one is a fixture
    OFFERS,
    QUOTA,
    problem,
)

EXACT = ExplainSettings(gap=0.0, time_limit_s=60.0)
PROVIDERS = (
    "supply.quotas=[{hardware: h100-sxm-80gb, provider: me, max_accelerators: 10}, "
    "{hardware: h100-sxm-80gb, provider: you, max_accelerators: 15}]"
)

FLOORS = """\
schema_version: 1
name: two
horizon: {start: 2027-01, months_per_period: 6}
time_blocks: 1
finance: {discount_rate_per_year: 0.0}
catalog: [facts]
performance: capacities.csv
workloads:
  - name: chat
    arrival: {mean_rate_rps: 10, peak_factor_in_hour: 1.0}
    quality: [{benchmark: mmlu_pro, min_score: 0.8}, {benchmark: ifeval, min_score: 0.8}]
    quality_scores:
      - {model: m, quantization: q, benchmark: mmlu_pro, score: 0.795}
      - {model: m, quantization: q, benchmark: ifeval, score: 0.795}
      - {model: n, quantization: q, benchmark: mmlu_pro, score: 0.9}
      - {model: n, quantization: q, benchmark: ifeval, score: 0.9}
supply: {tenures: [on_demand], providers: [me]}
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
TWO_MODELS = """\
workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps
chat,m,q,h100-sxm-80gb,1,e,10
chat,n,q,h100-sxm-80gb,1,e,5
"""


def of(problem, *assignments):  # noqa: F811
    def prepared(changes):
        return prepare(problem, None, (*assignments, *changes))

    return prepared


@pytest.fixture(scope="module")
def found(problem):  # noqa: F811
    return explain_plan(of(problem, PROVIDERS), EXACT)


def test_another_node_of_the_cheap_provider_saves_what_the_dear_one_costs_more(found):
    # 14 nodes by day in the second half-year, 20 by day and 11 by night in the third: beyond ten
    # they cost 3 USD an hour instead of 2. One more at 2 saves 1 USD in three half-days.
    (me, you) = [c for c in found.changed if c.family == "quota"]

    assert me.saves_usd == pytest.approx(3 * 12 * 365 / 2, rel=1e-6)
    assert me.saves_least_usd == pytest.approx(me.saves_usd)
    assert me.saves_most_usd == pytest.approx(me.saves_usd)
    assert you.saves_usd == pytest.approx(0.0, abs=1e-6)


def test_changes_are_what_solving_the_changed_problem_gives(problem, found):  # noqa: F811
    for changed in found.changed:
        ready = prepare(problem, None, [PROVIDERS, *changed.assignments])
        plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=False))

        assert changed.cost_usd == pytest.approx(plan.cost_usd)
        assert changed.saves_usd == pytest.approx(found.plan.cost_usd - plan.cost_usd)


def test_more_demand_never_saves(found):
    demand = [c for c in found.changed if c.family == "demand"]

    assert {c.where.split()[-1] for c in demand} == {"chat", "documents"}
    assert all(c.saves_usd <= 1e-6 and c.saves_most_usd <= 1e-6 for c in demand)


def test_range_holds_the_plan(found):
    (h100,) = found.ranges
    used = [(row.nodes * row.accelerators_per_node, row.hours) for row in found.plan.fleet]
    hours = 36 * 365 / 12 * 24 / 2
    mean = sum(n * h for n, h in used) / hours

    assert h100.least <= mean + 1e-6
    assert mean <= h100.most + 1e-6
    assert h100.least_proven <= h100.least <= h100.most <= h100.most_proven + 1e-6


def test_a_problem_without_a_plan_is_not_explained_as_one(problem):  # noqa: F811
    prepared = of(problem, QUOTA % 2)

    assert explain_plan(prepared, EXACT).changed == ()
    assert explain_prepared(prepared).infeasible is True


def test_floors_latency_and_rules_are_changed_one_by_one_and_together():
    base = prepare("chatbot_1m", None, ["policy.spare_replicas=2"])

    found = {(c.family, c.where): c for c in changes_of(base)}

    alone = [c for (family, where), c in found.items() if family == "latency" and "ms" in where]
    assert [c.assignments for c in alone] == [
        ("workloads.chat.slo.0.limit=2200",), ("workloads.chat.slo.1.limit=220",),
    ]  # fmt: skip
    together = found["quality", "all of chat together"]
    assert together.assignments == (
        "workloads.chat.quality.0.min_relative=0.98",
        "workloads.chat.quality.1.min_relative=0.98",
    )
    assert found["spare_replicas", "2 spare replicas"].assignments == ("policy.spare_replicas=1",)
    assert found["spare_replicas", "2 spare replicas"].never_costs
    assert len(found["latency", "all of chat together"].assignments) == 2


def test_a_lower_floor_and_a_looser_limit_save_what_solving_with_them_says(tmp_path):
    # Model n passes both floors and costs a second node; m would do with both a little lower.
    (tmp_path / "two.yaml").write_text(FLOORS, encoding="utf-8")
    (tmp_path / "capacities.csv").write_text(TWO_MODELS, encoding="utf-8")
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "offers.csv").write_text(OFFERS, encoding="utf-8")

    found = explain_plan(lambda more: prepare(tmp_path / "two.yaml", None, more), EXACT)

    node_usd = 2.0 * 6 * 730
    saves = {c.where: c.saves_usd for c in found.changed if c.family == "quality"}
    assert saves == {
        "mmlu_pro of at least 0.8 of chat": pytest.approx(0.0, abs=1e-6),
        "ifeval of at least 0.8 of chat": pytest.approx(0.0, abs=1e-6),
        "all of chat together": pytest.approx(node_usd),
    }


def test_a_reservation_wins_at_the_price_of_rent_where_demand_is_flat(tmp_path):
    # One node for two years by the hour at 2 USD; reserved for a year it costs 2.50.
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], tenures="reserved_1y")
    dear = HALVES_OFFERS.replace(",1.2,", ",2.5,")
    (tmp_path / "prices" / "offers.csv").write_text(dear, encoding="utf-8")

    found = explain_plan(lambda more: prepare(path, None, more), EXACT)

    (reserved,) = found.losers
    assert reserved.offer_id == "me:one:here:reserved_1y"
    assert reserved.price_usd_per_hour == pytest.approx(2.5)
    assert reserved.wins_at_usd_per_hour == pytest.approx(2.0)
    assert reserved.proven
    assert not reserved.is_as_good
    assert last_table(found)[1].split("\t") == [reserved.offer_id, "2.50", "2.00", "0.800", "yes"]


def test_an_offer_that_ties_is_as_good_as_the_plan_and_needs_no_lower_price(tmp_path):
    # One node for a year at 2 USD, by the hour or for the term: both cost the same.
    path = write_halves(tmp_path, [scenario("only", 1, 1.0)], tenures="reserved_1y")
    alike = HALVES_OFFERS.replace(",1.2,", ",2,")
    (tmp_path / "prices" / "offers.csv").write_text(alike, encoding="utf-8")
    year = "horizon={start: 2027-01, periods: 1, months_per_period: 12}"
    flat = ("scenarios={}", "workloads.chat.growth_per_period=1.0", year)

    found = explain_plan(lambda more: prepare(path, None, [*flat, *more]), EXACT)

    (other,) = found.losers
    assert other.is_as_good
    assert (other.factor, other.wins_at_usd_per_hour) == (1.0, pytest.approx(2.0))
    heading, row = last_table(found)
    assert heading.split("\t")[-1] == "note"
    assert row.split("\t") == [other.offer_id, "2.00", "-", "-", "-", "as good as the plan"]
    loose = replace(found, plan=replace(found.plan, gap=0.0042))
    assert last_table(loose)[1].endswith("\tas good as the plan within the gap of 0.42%")


def last_table(found):
    """Return the lines of the last table, without its title."""
    out = io.StringIO()
    write_sensitivity(out, replace(found, remarks=()))
    return out.getvalue().rstrip().rpartition("would win\n")[2].splitlines()
