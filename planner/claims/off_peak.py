"""C8: what it saves to let work wait for hours in which a real-time fleet is idle.

The joint plan is compared with the same work all in real time, on the same hardware: following the
hour, which is the stronger baseline and the figure, and standing all day. A fleet sized for its
peak leaves ``1 - mean/peak`` of its capacity idle, so no queueing in it can save more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor, profile, requests_per_day
from planner.claims.records import Band, Case, Claim, Detail, Finding, Plans
from planner.claims.study import Costs, Study, Swept, judged, known_costs

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_LIMITS = "the limits of enterprise_hybrid; 10 s to the first token for what does not wait"
_PROBLEM = "claims/hybrid"
_PROFILE = "servegen_m_small_diurnal_clients_hod"
_SHARE = "share of the cost in real time saved"
_CLAIMED = Band(0.40, 0.50)


def saving(costs: Costs) -> float:
    """Return the share of the cost of all work in real time that waiting saves."""
    return 1.0 - costs["joint"] / costs["real_time"]


_STUDY = Study(
    roles={"real_time": Case(_PROBLEM, "real_time"), "joint": Case(_PROBLEM)},
    figure=saving,
    inputs=(confidence(), peak_factor("assistant"), profile("assistant")),
    swept=Swept(
        "documents per day",
        tuple(
            (float(v), requests_per_day("nightly-docs", v))
            for v in (50_000, 250_000, 1_000_000, 4_000_000)
        ),
        is_log=True,
    ),
)
_STATIC = (Case(_PROBLEM, "static"), Case(_PROBLEM, "real_time_static"))


def idle_share(catalog: Catalog, name: str) -> float:
    """Return the share of capacity that a fleet sized for the peak of a profile leaves idle."""
    rates = [row.multiplier for row in catalog.profiles if row.profile == name]
    return 1.0 - sum(rates) / len(rates) / max(rates)


def _test(plans: Plans, catalog: Catalog) -> Finding:
    joint, static = Case(_PROBLEM), Case(_PROBLEM, "static")
    real_time_static = Case(_PROBLEM, "real_time_static")
    others = [
        ("against all real time, standing all day", _saving_of(plans, joint, real_time_static)),
        ("with both standing all day", _saving_of(plans, static, real_time_static)),
    ]
    base = _STUDY.plan(plans, "joint")
    idle = idle_share(catalog, _PROFILE)
    return judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_SHARE,
        conditions=setting(base, limits=_LIMITS),
        others=others,
        details=(Detail("idle at the hours of people: no queueing saves more", idle, "share"),),
    )


def _saving_of(plans: Plans, joint: Case, real_time: Case) -> float | None:
    costs = known_costs(plans, {"joint": joint, "real_time": real_time})
    return None if costs is None else saving(costs)


C8 = Claim(
    "C8",
    "Real-time clusters with off-peak queueing save 40-50 %",
    "40-50 % less",
    _SHARE,
    tuple(dict.fromkeys((*_STUDY.cases, *_STATIC))),
    _test,
    base=tuple(_STUDY.roles.values()),
)
