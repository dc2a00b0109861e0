"""Names of price paths that must have a price in the catalogue or the problem."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.names import nearest_names
from planner.problem.price_paths import (
    SECTION,
    Priced,
    fits,
    names_of,
    priced_offer,
    priced_server,
    priced_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.problem.price_paths import PricePath
    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

_TABLES = {"server": "servers", "model": "api_offers"}
"""Table that has the names of a field, where it is not that of nodes."""
_SHOWN = 3
_nearest = lru_cache(maxsize=64)(nearest_names)
"""Every scenario of a file, and everything it may have meant, asks for the same names again."""


def price_path_names(problem: Problem, catalog: Catalog) -> Iterator[Finding]:
    """Yield every name of a path that nothing with a price has, and paths that fit nothing.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    catalog
        Everything that has a price.
    """
    if not problem.supply.price_paths:
        return
    known = list(_everything(problem, catalog))
    for index, stated in enumerate(problem.supply.price_paths):
        here, path = (*SECTION, index), stated
        if stated.hardware is not None:
            key = catalog.resolve_accelerator(stated.hardware) or stated.hardware
            path = stated.model_copy(update={"hardware": key})
        unknown = [
            ((*here, field), _no_such(field, name, known))
            for field, name in names_of(path).items()
            if field != "tenure" and name not in {getattr(p, field) for p in known}
        ]
        if not names_of(path) or (not unknown and any(fits(path, p) for p in known)):
            continue
        own = next((block for block, p in _own_blocks(problem, catalog) if fits(path, p)), None)
        if own is not None:
            yield here, _no_path_moves(own)
        else:
            yield from unknown or [(here, _no_such_together(path, known))]


def _no_path_moves(block: str) -> str:
    return (
        f"names capacity block `{block}`, which has a price of your own that no path moves "
        "(`usd_per_node_hour`); take one of the two out"
    )


def _own_blocks(problem: Problem, catalog: Catalog) -> Iterator[tuple[str, Priced]]:
    """Yield capacity blocks at prices that the problem states: paths may name them in vain."""
    for block in problem.supply.capacity_blocks:
        if block.usd_per_node_hour is not None:
            yield (
                block.name,
                Priced(
                    "capacity_block",
                    instance=block.instance or "",
                    hardware=catalog.resolve_accelerator(block.hardware) or block.hardware,
                    provider=block.provider,
                    region=block.region,
                ),
            )


def _no_such(field: str, name: str, known: Sequence[Priced]) -> str:
    names = frozenset(value for p in known if (value := getattr(p, field)))
    table = _TABLES.get(field, "offers")
    return (
        f"no {field} `{name}` has a price{_nearest(name, names)} `planner catalog list "
        f"{table}` shows all; an overlay folder can add one"
    )


def _no_such_together(path: PricePath, known: Sequence[Priced]) -> str:
    """Return that nothing is all that a path names, and what is without one of the names."""
    names = names_of(path)
    listed = " and ".join(f"{field} `{name}`" for field, name in names.items())
    without = []
    for field in names:
        fitting = sorted(
            {p.offer for p in known if fits(path.model_copy(update={field: None}), p)}
        )
        if len(names) > 1 and fitting:
            more = ", ..." if len(fitting) > _SHOWN else ""
            what = f"{counted(len(fitting), 'offer')} ({', '.join(fitting[:_SHOWN])}{more})"
            without.append(f"without `{field}` it is for {what}")
    return f"nothing with a price is of {listed}; {'; '.join(without) or 'take one of them out'}"


def _everything(problem: Problem, catalog: Catalog) -> Iterator[Priced]:
    """Yield everything with a list price that may move."""
    yield from map(priced_offer, catalog.offers)
    for row in catalog.api_offers:
        yield priced_tokens(row.offer_id, row.provider, row.model)
    for units in problem.supply.provisioned:
        yield priced_tokens(f"provisioned:{units.name}", units.provider, units.model)
    for parts in catalog.servers:
        if parts.quantity == "accelerators":
            yield priced_server(parts.id, parts.case, problem.supply.site)
