"""Rows without a source, and names that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.calibration import EVERYTHING
from planner.catalog.check.fault import fault
from planner.catalog.schema import TABLES
from planner.catalog.systems import VENDOR_ENGINE
from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row
    from planner.errors import Fault


def missing_sources(catalog: Catalog) -> Iterator[Fault]:
    """Yield rows whose source is only space."""
    for table in TABLES:
        for row in catalog.table(table):
            if not row.source.strip():
                yield fault(catalog, table, row, "source", "has no source")


_AFTER_THE_MODEL = ("quantization", "engine", "accelerator")


class _Reference(NamedTuple):
    """A cell that names a row of another table."""

    table: str
    row: Row
    column: str
    name: str
    known: Collection[str]


def dangling_names(catalog: Catalog, measured_hardware: Collection[str]) -> Iterator[Fault]:
    """Yield cells that name a row which is in no table.

    Parameters
    ----------
    catalog
        The catalogue.
    measured_hardware
        Hardware of measured capacities: offers of it need no row in accelerators.csv.
    """
    for table, row, column, name, known in (
        *_to_accelerators(catalog, measured_hardware),
        *_to_models_and_formats(catalog),
        *_to_calibrated(catalog),
        *_to_engines(catalog),
    ):
        if name not in known:
            message = f"`{name}` is in no table{did_you_mean(name, known)}"
            yield fault(catalog, table, row, column, message)


def _to_accelerators(catalog: Catalog, measured_hardware: Collection[str]) -> Iterator[_Reference]:
    known = {a.id for a in catalog.accelerators}
    named = known | {s.id for s in catalog.systems}
    rentable = named | set(measured_hardware)
    for alias in catalog.aliases:
        yield _Reference("aliases", alias, "accelerator", alias.accelerator, named)
    for link in catalog.interconnects:
        yield _Reference("interconnects", link, "accelerator", link.accelerator, known)
    for offer in catalog.offers:
        yield _Reference("offers", offer, "accelerator", offer.accelerator, rentable)


def _to_models_and_formats(catalog: Catalog) -> Iterator[_Reference]:
    models = {m.id for m in catalog.models}
    formats = {q.id for q in catalog.quantizations}
    for offer in catalog.api_offers:
        # Nothing is computed from the architecture of any other model, so it needs no row.
        if offer.weights == "open":
            yield _Reference("api_offers", offer, "model", offer.model, models)
        if offer.quantization is not None:
            yield _Reference("api_offers", offer, "quantization", offer.quantization, formats)
    for draft in catalog.drafts:
        yield _Reference("drafts", draft, "model", draft.model, models)
        if draft.draft_model is not None:
            yield _Reference("drafts", draft, "draft_model", draft.draft_model, models)
    for score in catalog.quality:
        yield _Reference("quality", score, "quantization", score.quantization, formats)


def _to_calibrated(catalog: Catalog) -> Iterator[_Reference]:
    scopes: dict[str, set[str]] = {
        "default": {EVERYTHING},
        "accelerator": {a.id for a in catalog.accelerators} | {s.id for s in catalog.systems},
        "engine": {e.id for e in catalog.engines} | {VENDOR_ENGINE},
        "quantization": {q.id for q in catalog.quantizations},
        "family": {m.family for m in catalog.models},
    }
    # The parts of a combination in the order of its key.
    known = ({m.id for m in catalog.models}, *(scopes[s] for s in _AFTER_THE_MODEL))
    for row in catalog.calibration:
        if row.scope == "combination":
            for name, names in zip(row.key_id.split("/"), known, strict=True):
                yield _Reference("calibration", row, "key_id", name, names)
        else:
            yield _Reference("calibration", row, "key_id", row.key_id, scopes[row.scope])


def _to_engines(catalog: Catalog) -> Iterator[_Reference]:
    engines = {e.id for e in catalog.engines}
    formats = {q.id for q in catalog.quantizations}
    architectures = {a.architecture for a in catalog.accelerators if a.architecture}
    for draft in catalog.drafts:
        for name in draft.engine_ids:
            yield _Reference("drafts", draft, "engines", name, engines)
    for support in catalog.format_support:
        for column, name, known in (
            ("engine", support.engine, engines),
            ("quantization", support.quantization, formats),
            ("architecture", support.architecture, architectures),
        ):
            yield _Reference("format_support", support, column, name, known)
