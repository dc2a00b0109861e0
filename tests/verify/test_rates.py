"""Rates that the audit recomputes are those of the demand, whatever the peak is stated as."""

from __future__ import annotations

import pytest

from planner.catalog.load import load_catalog
from planner.demand.build import build_demand
from planner.problem.load import load_problem
from planner.verify.audit.expected import rates_due

TEXT = """\
schema_version: 1
name: p
horizon: {{start: 2027-01, periods: 2}}
time_blocks: 4
workloads:
  - name: chat
    arrival: {{requests_per_day: 86400, forecast_cv: 0.3, {peak}}}
    growth_per_period: 1.2
    lengths: {{isl_tokens: {{mean: 51}}, osl_tokens: {{mean: 10}}}}
policy: {{forecast_confidence: 0.9}}
"""


HEADROOM = '[{"factor": 1.2, "periods": [1]}, {"factor": 1.5, "blocks": [0, 2]}]'


@pytest.mark.parametrize("headroom", ["[]", HEADROOM])
@pytest.mark.parametrize("peak", ["peak_factor_in_hour: 1.5", "rate_factors: [0.5, 1.0, 1.5]"])
def test_audit_and_demand_state_the_same_rates(tmp_path, peak, headroom):
    text = TEXT.format(peak=peak).replace("    growth", f"    headroom: {headroom}\n    growth")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    loaded, catalog = load_problem(tmp_path / "p.yaml"), load_catalog([])
    chat = build_demand(loaded, catalog).of("chat")

    due = rates_due(loaded.problem.workload("chat"), loaded.problem, catalog)

    for (period, block), (mean, planned) in due.items():
        assert chat.mean_rps[period, block] == pytest.approx(mean)
        assert chat.planned_rps[period, block] == pytest.approx(planned)
