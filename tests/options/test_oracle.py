"""The cheapest plan with pruned options costs what the plan with all options costs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.milp import Limits, SolverSettings, build_program, solve_program
from planner.options.prune import prune
from tests.worlds import capacity, demand, offer, option, option_set

SIZES = (1, 2)


@given(
    st.lists(
        st.tuples(st.sampled_from(SIZES), st.floats(0.5, 4.0), st.floats(0.5, 4.0)),
        min_size=2,
        max_size=4,
    ),
    st.integers(0, 1),
)
@settings(max_examples=12, deadline=None)
def test_pruning_never_changes_the_cost_of_the_best_plan(drawn, spares):
    options = [option(f"o{i}", accelerators=size) for i, (size, _, _) in enumerate(drawn)]
    rates = [
        capacity(workload, f"o{i}", rate)
        for i, (_, *both) in enumerate(drawn)
        for workload, rate in zip("ab", both, strict=True)
    ]
    asked, pools = demand({"a": [5.0], "b": [3.0]}), {"a": "p", "b": "p"}
    kept, _ = prune(options, rates, same_model_only=False)
    ids = {o.id for o in kept}
    offers = [offer("one"), offer("two", 1.9, accelerators=2)]

    def cost_usd(offered):
        whole = option_set(offered, [c for c in rates if c.option_id in {o.id for o in offered}],
                           offers, pools=pools)  # fmt: skip
        program = build_program(asked, whole, Limits(spare_replicas=spares))
        return solve_program(program, SolverSettings(gap=0.0)).objective_usd

    assert ids
    assert abs(cost_usd(kept) - cost_usd(options)) < 1e-3
