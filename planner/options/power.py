"""Electric power of the replicas of a batch of candidates at their capacity.

Power is the best estimate, so step times are those of the median while the capacity is the planned
one. An accelerator without a rated power in the catalogue has none here either, and neither has a
replica that drafts tokens, or a unit of instances: such runs are not among those that power was
fitted to.

The host's share is what a whole node draws beyond the rated power of its accelerators
(``node_it_power_w``, with network and storage where the source counts them), spread over them. It
is taken not to depend on the load, and is unknown where the catalogue states no node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.options.candidates import Candidate
from planner.options.energy_records import PowerDraw
from planner.options.specs import power_parameters
from planner.perf.activity import ideal_step
from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.power import ServingPower, power_model
from planner.units import significant

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator
    from planner.options.model_run import ModelRun
    from planner.perf.traffic import TrafficClass


def power_draws(
    runner: ModelRun,
    capacity_rps: dict[int, float],
    load: TrafficClass,
    catalog: Catalog,
) -> dict[int, PowerDraw]:
    """Return the power of candidates, by their row in `runner`; none without a rated power.

    Parameters
    ----------
    runner
        Candidates that fit their memory.
    capacity_rps
        Planned capacity of a replica of each candidate asked for, requests/s, > 0.
    load
        Class that it serves.
    catalog
        Facts and parameters.
    """
    rated = {
        row: way
        for row in capacity_rps
        if isinstance(way := runner.ways[row], Candidate)
        and way.accelerator.tdp_w is not None
        and way.draft is None
    }
    if not rated:
        return {}
    rows = list(rated)
    rates = np.array([capacity_rps[r] for r in rows])
    serving = _serving_power(runner, rated, load, catalog)
    line = serving.line(rates)
    outputs_per_s = rates * (serving.means.output_gaps + 1.0)
    draws = {}
    for i, (row, candidate) in enumerate(rated.items()):
        host_w = host_power_w(candidate.accelerator)
        capacity_w = significant(line.capacity_w[i])
        draws[row] = PowerDraw(
            idle_w=significant(line.idle_w[i]),
            base_w=significant(line.base_w[i]),
            capacity_w=capacity_w,
            marginal_energy_per_request_j=significant(line.marginal_energy_per_request_j[i]),
            energy_per_output_token_j=capacity_w / float(outputs_per_s[i]),
            host_w=None if host_w is None else host_w * candidate.devices,
        )
    return draws


def host_power_w(accelerator: Accelerator) -> float | None:
    """Return what a node draws beyond the rating of its accelerators, watts for each of them.

    ``None`` when the catalogue does not state the node or the rating, or the node draws less.
    """
    node_w, tdp_w = accelerator.node_it_power_w, accelerator.tdp_w
    if node_w is None or tdp_w is None or accelerator.accelerators_per_node is None:
        return None
    beyond_w = node_w / accelerator.accelerators_per_node - tdp_w
    return beyond_w if beyond_w > 0 else None


def _serving_power(
    runner: ModelRun, rated: dict[int, Candidate], load: TrafficClass, catalog: Catalog
) -> ServingPower:
    candidates, rows = list(rated.values()), np.array(list(rated), dtype=np.intp)
    factor = np.array([1.0 / runner.coefficients[int(r)].throughput_factor for r in rows])
    step, engine = runner.step.take(rows).scaled(factor), runner.engine.take(rows)
    means = traffic_means(load)
    return ServingPower(
        step=step,
        engine=engine,
        ideal=ideal_step([runner.specs[int(r)] for r in rows]),
        model=power_model(
            [power_parameters(c, catalog) for c in candidates],
            [c.accelerator.tdp_w or np.nan for c in candidates],
            [c.devices for c in candidates],
        ),
        table=load_table(step, engine, means, runner.fit.kv_capacity_tokens[rows]),
        means=means,
    )
