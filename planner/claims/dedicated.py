"""C12: fleets for inference alone beside capacity that is shared with training.

Chats and documents run on one of three fleets:

- specialised: a fleet for each workload, on the hardware that is cheapest for it, rented by the
  hour for inference alone;
- training grade: nodes of the training cluster (H100) that inference keeps all day;
- shared: nodes that are taken from training by the hour and given back, where every start costs
  the time of a checkpoint and of loading the model, and cheaper ones that training leaves idle and
  takes back at any time, for work that waits.

The figure compares the first with the cheaper of the others::

    saving = 1 - specialised / min(training grade, shared)

The hardware of the training cluster rented for inference alone tells hardware and sharing apart.
Prefill and decode on instances of their own are another kind of dedication, tested apart: the same
chats with tight limits, with and without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.scale import Selection
from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor, price_of
from planner.claims.records import Band, Case, Change, Claim, Detail, Finding, Plans
from planner.claims.study import Costs, Input, Study, Swept, judged, known_costs

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_PROBLEM = "claims/dedicated"
_UNIT = "share of the cheaper fleet of training nodes saved"
_CLAIMED = Band(0.02, None)
"""More than the gap that is asked for."""
_NODE_USD = 23.777
"""What an hour of a training node costs, as in `training_cluster`."""
_OWN, _KEPT, _SHARED = Case(_PROBLEM), Case(_PROBLEM, "training_grade"), Case(_PROBLEM, "shared")
_RENTED = Case(_PROBLEM, "rented_h100")
_VOLUMES = (0.2, 4.0)
_TIGHT = Case("claims/chat_70b", "interactive")
_APART = _TIGHT.changed(Change("apart", ("candidates.disaggregation='on'",)))


def _training(column: str, factor: float, tenure: str | None = None) -> Change:
    rows = ("provider=training", *(() if tenure is None else (f"tenure={tenure}",)))
    return Change(f"x{factor:g}", factors=((Selection("offers", rows, column), factor),))


def _volume(factor: float) -> Change:
    chats, documents = 5_000_000 * factor, 1_250_000 * factor
    return Change(
        f"{chats:,.0f} chats",
        (
            f"workloads.chat.arrival.requests_per_day={chats:.0f}",
            f"workloads.documents.arrival.requests_per_day={documents:.0f}",
        ),
    )


def saving(costs: Costs) -> float:
    """Return the share of the cheaper fleet of training nodes that fleets of their own save."""
    return 1.0 - costs["specialised"] / min(costs["training_grade"], costs["shared"])


_STUDY = Study(
    roles={"specialised": _OWN, "training_grade": _KEPT, "shared": _SHARED},
    figure=saving,
    inputs=(
        confidence(),
        peak_factor("chat"),
        price_of("mi300x-192gb", 0.8, 1.25),
        Input(
            "time to take a node from training",
            _training("startup_minutes", 0.5),
            _training("startup_minutes", 4.0),
        ),
        Input(
            "how often training takes idle nodes back",
            _training("interruption_rate_per_h", 0.25, "spot"),
            _training("interruption_rate_per_h", 5.0, "spot"),
        ),
    ),
    swept=Swept(
        "USD an hour of a training node",
        tuple(
            (_NODE_USD * factor, _training("price_usd_per_hour", factor))
            for factor in (0.25, 0.5, 0.75, 1.0, 1.5)
        ),
    ),
)


def _test(plans: Plans, _: Catalog) -> Finding:
    rented = known_costs(plans, {**_STUDY.roles, "specialised": _RENTED})
    others: list[tuple[str, float | None]] = [
        ("H100 rented for inference alone", None if rented is None else saving(rented))
    ]
    others += [
        (f"{change.label} a day", _STUDY.value(plans, change)) for change in map(_volume, _VOLUMES)
    ]
    base = [p for p in (_STUDY.plan(plans, role) for role in _STUDY.roles) if p is not None]
    return judged(
        _STUDY,
        plans,
        _CLAIMED,
        y_label=_UNIT,
        conditions=(
            *setting(*base),
            "training nodes at the price of three years, half an hour to take one, idle ones at "
            "half of the price and taken back every five hours: assumed",
        ),
        others=others,
        details=_disaggregation(plans),
    )


def _disaggregation(plans: Plans) -> tuple[Detail, ...]:
    costs = known_costs(plans, {"plain": _TIGHT, "apart": _APART})
    if costs is None:
        return ()
    used = any("p-tp" in row.option_id for row in plans[_APART].allocations)
    return (
        Detail(
            "saved by prefill and decode on instances of their own",
            1.0 - costs["apart"] / costs["plain"],
            "share",
            "p99 of 450 ms and 40 ms per token; they are "
            + ("used" if used else "on offer and not used"),
        ),
    )


C12 = Claim(
    "C12",
    "Dedicated inference capacity beats capacity shared with training",
    "any saving (over 2 %)",
    _UNIT,
    (
        *_STUDY.cases,
        _RENTED,
        *(role.changed(_volume(v)) for v in _VOLUMES for role in _STUDY.roles.values()),
        _TIGHT,
        _APART,
    ),
    _test,
    base=(*_STUDY.roles.values(), _RENTED),
)
