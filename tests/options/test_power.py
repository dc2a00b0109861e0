"""Power of options: from the rated power of the accelerator, at the planned capacity."""

from __future__ import annotations

import pytest

from planner.options.candidates import Candidate
from planner.options.capacity import modelled_capacities
from planner.options.power import host_power_w
from planner.options.specs import power_parameters
from tests.options.world import catalog, demand, lengths, problem, row, workload
from tests.options.world import shipped as shipped_catalog

FACTS = catalog()
TPOT = {"metric": "tpot_ms", "percentile": "mean", "limit": 40}


def candidate(degree=1, **accelerator):
    number_format = row("quantizations")
    device = row("accelerators", **accelerator)
    return Candidate(row("models"), number_format, row("engines"), device, degree, "bf16")


def power(degree=1, facts=FACTS, osl=100.0, **accelerator):
    asked = problem(workload(slo=[TPOT]))
    ways = {"chat": [candidate(degree, **accelerator)]}
    found = modelled_capacities(asked, facts, demand(asked, chat=lengths(osl=(osl,))), ways)
    (capacity,) = found.capacities
    return capacity.power, capacity.points[-1].planned_rps


def test_power_at_the_capacity_is_between_idle_and_the_rating():
    draw, _ = power(tdp_w=700)

    assert draw.idle_w == pytest.approx(0.2 * 700)
    assert draw.idle_w < draw.base_w < draw.capacity_w < 700


def test_power_of_an_accelerator_without_a_rating_is_unknown():
    assert power()[0] is None


def test_power_is_in_proportion_to_the_rating():
    small, large = power(tdp_w=350)[0], power(tdp_w=700)[0]

    for name in ("idle_w", "base_w", "capacity_w", "marginal_energy_per_request_j"):
        assert getattr(large, name) == pytest.approx(2 * getattr(small, name))


def test_two_accelerators_of_a_replica_idle_at_twice_the_power():
    assert power(2, tdp_w=700)[0].idle_w == pytest.approx(2 * power(1, tdp_w=700)[0].idle_w)


def test_line_reaches_the_power_at_the_capacity():
    draw, capacity_rps = power(tdp_w=700)

    line_w = draw.base_w + draw.marginal_energy_per_request_j * capacity_rps
    assert line_w == pytest.approx(draw.capacity_w)


def test_energy_of_a_token_is_power_over_tokens():
    draw, capacity_rps = power(tdp_w=700, osl=250.0)

    assert draw.energy_per_output_token_j == pytest.approx(draw.capacity_w / capacity_rps / 250)


def test_measured_idle_share_of_the_accelerator_goes_before_the_default():
    known = catalog(
        calibration=[
            *FACTS.calibration,
            row(
                "calibration",
                parameter="power_idle",
                scope="accelerator",
                key_id="gpu-a",
                kind="value",
                value=0.4,
                unit="fraction",
                provenance="measured",
            ),
        ]
    )

    assert power(facts=known, tdp_w=700)[0].idle_w == pytest.approx(0.4 * 700)


def test_host_takes_what_the_node_draws_beyond_its_accelerators():
    node = {"tdp_w": 700, "accelerators_per_node": 8, "node_it_power_w": 11_776}

    draw, _ = power(2, **node)

    assert host_power_w(row("accelerators", **node)) == pytest.approx(1_472 - 700)
    assert draw.host_w == pytest.approx(2 * 772)


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"tdp_w": 700},
        {"tdp_w": 700, "accelerators_per_node": 8},
        {"tdp_w": 700, "node_it_power_w": 11_776},
        {"accelerators_per_node": 8, "node_it_power_w": 11_776},
        {"tdp_w": 700, "accelerators_per_node": 8, "node_it_power_w": 5_000},
    ],
)
def test_host_is_unknown_without_a_node_that_draws_more(node):
    assert host_power_w(row("accelerators", **node)) is None


@pytest.mark.parametrize(
    ("accelerator", "idle_w"),
    [("h100-sxm-80gb", 121.7), ("a100-pcie-80gb", 80.0), ("l40s-48gb", 102.1)],
)
def test_shipped_idle_power_is_the_measured_one(accelerator, idle_w):
    facts = shipped_catalog()
    device = facts.accelerator(accelerator)
    way = Candidate(
        facts.model("llama-3.1-8b-instruct"),
        facts.quantization("bf16"),
        facts.engine("vllm"),
        device,
        1,
        "bf16",
    )

    assert power_parameters(way, facts).idle * device.tdp_w == pytest.approx(idle_w, rel=0.01)
