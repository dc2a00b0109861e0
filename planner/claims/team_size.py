"""C13: what a small team pays for a token beside a large provider, with open engines for both.

The small team serves 10,000 chats a day on rented nodes with one engine, the large provider ten
million with any engine and with reservations. The ratio of their unit costs is split by Shapley
value, in logarithms, into volume (how full whole replicas and spares are), contract and engine::

    ln(ratio) = phi(volume) + phi(contract) + phi(engine)
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor, requests_per_day
from planner.claims.records import Band, Case, Change, Claim, Detail, Finding, Plans
from planner.claims.shapley import shapley_values
from planner.claims.study import Costs, Curve, Study, figure_of, judged, known_costs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.load import Catalog

_UNIT = "times the unit cost of the large provider"
_CLAIMED = Band(None, 1.1)
"""Level: within a tenth."""
_SMALL, _LARGE = 10_000, 10_000_000
_CHAT = Case("claims/chat_70b", None, ("candidates.hardware=[h200-sxm-141gb,mi300x-192gb]",))
_DEMAND = "volume"
_CHANGES = {
    _DEMAND: requests_per_day("chat", _LARGE),
    "contract": Change("reservations", ("supply.tenures=[on_demand, reserved_1y, reserved_3y]",)),
    "engine": Change("any engine", ("candidates.engines=[vllm, sglang, trtllm]",)),
}
_BEGIN = _CHAT.changed(requests_per_day("chat", _SMALL))


def _with(causes: frozenset[str]) -> Case:
    case = _BEGIN
    for name in sorted(causes):
        case = case.changed(_CHANGES[name])
    return case


_ALL = frozenset(_CHANGES)
_SETS = [
    frozenset(name for bit, name in enumerate(_CHANGES) if number >> bit & 1)
    for number in range(2 ** len(_CHANGES))
]
_CAUSES = {chosen: _with(chosen) for chosen in _SETS}


def unit_cost_ratio(costs: Costs) -> float:
    """Return the cost of a request of the small team over that of the large provider."""
    return costs["small"] / costs["large"] * (_LARGE / _SMALL)


_STUDY = Study(
    roles={"small": _BEGIN, "large": _with(_ALL)},
    figure=unit_cost_ratio,
    inputs=(confidence(), peak_factor("chat")),
)
_VOLUMES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_SWEPT = {v: _CHAT.changed(requests_per_day("chat", v)) for v in _VOLUMES}


def _test(plans: Plans, _: Catalog) -> Finding:
    base = [p for p in (_STUDY.plan(plans, role) for role in _STUDY.roles) if p is not None]
    return judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_UNIT,
        conditions=setting(*base),
        details=_split(plans),
        curve=_by_volume(plans),
    )


def _by_volume(plans: Plans) -> Curve:
    """Return the ratio along the volume of the team; the other volume stays."""
    large = _STUDY.roles["large"]
    # The ratio takes the team for one of _SMALL requests, whatever its volume.
    found = {
        v: figure_of(plans, {"small": case, "large": large}, unit_cost_ratio)
        for v, case in _SWEPT.items()
    }
    known = {v: (y * _SMALL / v, m * _SMALL / v) for v, p in found.items() if p for y, m in [p]}
    points = tuple((float(v), y) for v, (y, _) in known.items())
    margins = tuple(m for _, m in known.values())
    return Curve("requests per day of the team", points, margins, is_log_x=True)


def _split(plans: Plans) -> tuple[Detail, ...]:
    found = known_costs(plans, _CAUSES)
    if found is None:
        return ()
    costs = best_known(found)
    logs = {
        chosen: -log(cost / (_LARGE if _DEMAND in chosen else _SMALL))
        for chosen, cost in costs.items()
    }
    return tuple(
        Detail(f"cheaper by {cause}", exp(share), "times", "Shapley value, in logarithms")
        for cause, share in shapley_values(tuple(_CHANGES), logs).items()
    )


def best_known(costs: Mapping[frozenset[str], float]) -> dict[frozenset[str], float]:
    """Return the lowest cost that is known with some contracts and engines, or with fewer of them.

    A plan with fewer contracts or engines is a plan with more of them too, so a wider choice that
    came out dearer, within the gap of its solve, costs no more than the narrower one.
    """
    return {
        wide: min(
            cost
            for narrow, cost in costs.items()
            if narrow <= wide and (_DEMAND in narrow) == (_DEMAND in wide)
        )
        for wide in costs
    }


C13 = Claim(
    "C13",
    "Open serving frameworks put small teams level with large providers",
    "level (within 10 %)",
    _UNIT,
    tuple(dict.fromkeys((*_STUDY.cases, *_CAUSES.values(), *_SWEPT.values()))),
    _test,
    base=tuple(_STUDY.roles.values()),
)
