"""C2 and C7: what batched work costs beside the same work in real time.

C2 takes a chatbot of a million requests a day on a 70B model, and splits what waiting saves among
its causes by Shapley value: batches as large as memory allows (no limit on latency), capacity that
is not sized for the peak (any hour will do), and nodes that may be taken away (spot). The planner
puts only work that waits on spot nodes, so spot adds nothing without the other two.

All of it runs on one accelerator, so its rent has no part in these shares.

C7 takes documents, alone and beside the chatbot, on rented nodes, spot nodes and as API tokens.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from planner.claims.catalogue import batch_discounts
from planner.claims.conditions import setting
from planner.claims.inputs import confidence, peak_factor, profile, requests_per_day
from planner.claims.records import Band, Case, Claim, Detail, Finding, Plans
from planner.claims.shapley import shapley_values
from planner.claims.study import Costs, Study, Swept, judged, known_costs

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_CHAT, _DOCUMENTS = "claims/chat_70b", "claims/documents_70b"
_BATCHED = Case(_CHAT, "batched")
_BOTH = Case("claims/chat_and_documents_70b")
_SHARE = "share of the real-time cost saved"
_CLAIMED = Band(0.70, 0.80)
_VOLUMES = (10_000, 100_000, 1_000_000, 5_000_000)
_CAUSES = ("batching", "idle capacity", "spot")
_NONE: frozenset[str] = frozenset()
_COALITIONS: dict[frozenset[str], str | None] = {
    _NONE: None,
    frozenset({"batching"}): "patient",
    frozenset({"idle capacity"}): "even",
    frozenset({"spot"}): None,
    frozenset({"batching", "idle capacity"}): "batched",
    frozenset({"batching", "spot"}): "patient",
    frozenset({"idle capacity", "spot"}): "even",
    frozenset(_CAUSES): "batched_on_spot",
}
"""Scenario in which these causes are there."""


def saving(costs: Costs) -> float:
    """Return the share of the real-time cost that batched work saves."""
    return 1.0 - costs["batched"] / costs["real_time"]


def incremental_saving(costs: Costs) -> float:
    """Return the same when the documents are added to a fleet that serves chats anyway."""
    return 1.0 - (costs["both"] - costs["chat"]) / costs["real_time"]


_C2_STUDY = Study(
    roles={"real_time": Case(_CHAT), "batched": _BATCHED},
    figure=saving,
    inputs=(
        confidence(),
        peak_factor("chat"),
        profile("chat"),
    ),
    swept=Swept(
        "requests per day",
        tuple((float(v), requests_per_day("chat", v)) for v in _VOLUMES),
        is_log=True,
    ),
)
_C2_OTHERS = {name: Case(_CHAT, name) for name in ("interactive", "static")}
_C2_CAUSES = {key: Case(_CHAT, name) for key, name in _COALITIONS.items()}


def _test_c2(plans: Plans, _: Catalog) -> Finding:
    others = [
        ("the limits of interactive chat", _saved(plans, _C2_OTHERS["interactive"])),
        ("a real-time fleet that does not follow the hour", _saved(plans, _C2_OTHERS["static"])),
        ("batched work on spot nodes", _saved(plans, Case(_CHAT), Case(_CHAT, "batched_on_spot"))),
    ]
    base = _C2_STUDY.plan(plans, "real_time")
    return judged(
        _C2_STUDY,
        plans,
        _CLAIMED,
        y_label=_SHARE,
        conditions=setting(base),
        others=others,
        details=_split(plans),
    )


def _saved(plans: Plans, real_time: Case, batched: Case = _BATCHED) -> float | None:
    costs = known_costs(plans, {"real_time": real_time, "batched": batched})
    return None if costs is None else saving(costs)


def _split(plans: Plans) -> tuple[Detail, ...]:
    known = known_costs(plans, _C2_CAUSES)
    if known is None:
        return ()
    base = known[_NONE]
    values = {key: (base - cost) / base for key, cost in known.items()}
    note = "Shapley value of batched work on spot nodes"
    return tuple(
        Detail(f"saved by {cause}", share, _SHARE, note)
        for cause, share in shapley_values(_CAUSES, values).items()
    )


C2 = Claim(
    "C2",
    "A 1 M requests/day chatbot on a 70B model costs vastly less batched than in real time",
    "70-80 % less",
    _SHARE,
    tuple(dict.fromkeys((*_C2_STUDY.cases, *_C2_OTHERS.values(), *_C2_CAUSES.values()))),
    _test_c2,
    base=tuple(_C2_STUDY.roles.values()),
)

_C7_STUDY = Study(
    roles={"real_time": Case(_DOCUMENTS, "real_time"), "batched": Case(_DOCUMENTS)},
    figure=saving,
    inputs=(
        confidence(),
        peak_factor("documents"),
        profile("documents"),
    ),
    swept=Swept(
        "documents per day",
        tuple((float(v), requests_per_day("documents", v)) for v in (10_000, 50_000, 1_000_000)),
        is_log=True,
    ),
)
_C7_SPOT = Case(_DOCUMENTS, "spot")


def _test_c7(plans: Plans, catalog: Catalog) -> Finding:
    discounts = batch_discounts(catalog)
    others = [
        ("what documents add to a fleet of chats", _incremental(plans)),
        ("spot nodes", _saved(plans, _C7_STUDY.roles["real_time"], _C7_SPOT)),
        ("the batch mode of token sellers, median", median(discounts.values())),
    ]
    base = _C7_STUDY.plan(plans, "batched")
    least, most = min(discounts.values()), max(discounts.values())
    return judged(
        _C7_STUDY,
        plans,
        _CLAIMED,
        y_label=_SHARE,
        conditions=setting(base),
        others=others,
        details=(
            Detail("models with a batch price", float(len(discounts)), "models"),
            Detail("their least batch discount", least, _SHARE),
            Detail("their greatest batch discount", most, _SHARE),
        ),
    )


def _incremental(plans: Plans) -> float | None:
    alone = _C7_STUDY.roles["real_time"]
    costs = known_costs(plans, {"both": _BOTH, "chat": Case(_CHAT), "real_time": alone})
    return None if costs is None else incremental_saving(costs)


C7 = Claim(
    "C7",
    "Batch work costs 70-80 % less per token than real time",
    "70-80 % less",
    _SHARE,
    tuple(dict.fromkeys((*_C7_STUDY.cases, _C7_SPOT, _BOTH, Case(_CHAT)))),
    _test_c7,
    base=tuple(_C7_STUDY.roles.values()),
)
