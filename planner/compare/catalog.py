"""What changed in the catalogue, as far as two plans show it.

A plan file has the checksum of its catalogue and, of the rows that it uses, the price and the
capacity. Rows that one of the plans does not use cannot be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.compare.records import CatalogChange, Figure, VersionChange

if TYPE_CHECKING:
    from planner.plan.document import Plan

_Figures = dict[tuple[str, str, str, tuple[object, ...]], float]
"""Value by subject, what it is, unit, and everything else that has to agree."""


def catalog_change(a: Plan, b: Plan) -> CatalogChange:
    """Return whether the catalogues are the same, and which figures that both use differ."""
    ours, theirs = _used(a), _used(b)
    changed: dict[tuple[str, str, str], Figure] = {}
    for key in ours:
        if key in theirs and ours[key] != theirs[key]:
            # Of many blocks with one price, the first will do.
            changed.setdefault(key[:3], Figure(*key[:3], ours[key], theirs[key]))
    one, other = a.catalog, b.catalog
    return CatalogChange(
        is_same=one["sha256"] == other["sha256"],
        a_sha256=one["sha256"],
        b_sha256=other["sha256"],
        a_oldest_price_date=one["oldest_price_date"],
        b_oldest_price_date=other["oldest_price_date"],
        figures=tuple(changed.values()),
    )


def _used(plan: Plan) -> _Figures:
    found: _Figures = {}
    # The amortised price of nodes for a term follows from the decisions, not from a row alone.
    taken = {row.offer_id for row in plan.commitments}
    for node in plan.fleet:
        if node.offer_id not in taken:
            key = (node.offer_id, "price", "USD per hour", (node.period,))
            found[key] = node.price_usd_per_hour
    for row in plan.commitments:
        term = (row.order_month, row.start_month, row.end_month)
        found[row.offer_id, "price", "USD per node-hour", term] = row.usd_per_node_hour
    for units in plan.provisioned:
        months = (units.start_month, units.end_month)
        found[units.units_id, "price", "USD per unit-hour", months] = units.usd_per_unit_hour
    for served in plan.allocations:
        subject = f"{served.option_id} for {served.workload}"
        # A capacity is that of so many replicas, which share a queue.
        same = (served.period, served.replicas, served.is_deferred, served.answer)
        found[subject, "capacity of a replica", "requests/s", same] = served.capacity_rps
    return found


def version_changes(a: Plan, b: Plan) -> tuple[VersionChange, ...]:
    """Return the programs and libraries of another version."""
    ours = a.versions | {"solver": f"{a.solver['name']} {a.solver['version']}"}
    theirs = b.versions | {"solver": f"{b.solver['name']} {b.solver['version']}"}
    return tuple(
        VersionChange(name, ours.get(name), theirs.get(name))
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
    )
