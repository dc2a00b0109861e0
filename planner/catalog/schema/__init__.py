"""Rows of the catalogue tables, one model per file in ``catalogs/``.

Every field is a column of the CSV of the same table, so these models are the format.
"""

from __future__ import annotations

from planner.catalog.schema.demand import LengthCell, ProfilePoint
from planner.catalog.schema.figures import QUANTITIES, SERVER_PRICE, Figure, ServerFigure
from planner.catalog.schema.hardware import (
    Accelerator,
    Alias,
    Calibration,
    Engine,
    FormatSupport,
    Interconnect,
)
from planner.catalog.schema.measurements import Measurement
from planner.catalog.schema.models import Draft, Model, QualityScore, Quantization
from planner.catalog.schema.prices import (
    ANY,
    ApiOffer,
    Discount,
    Offer,
    PricePoint,
    PriceTrend,
)
from planner.catalog.schema.row import Key, PartialDate, Positive, Record, Row
from planner.catalog.schema.sources import Source

__all__ = [
    "ANY",
    "QUANTITIES",
    "SERVER_PRICE",
    "TABLES",
    "Accelerator",
    "Alias",
    "ApiOffer",
    "Calibration",
    "Discount",
    "Draft",
    "Engine",
    "Figure",
    "FormatSupport",
    "Interconnect",
    "Key",
    "LengthCell",
    "Measurement",
    "Model",
    "Offer",
    "PartialDate",
    "Positive",
    "PricePoint",
    "PriceTrend",
    "ProfilePoint",
    "QualityScore",
    "Quantization",
    "Record",
    "Row",
    "ServerFigure",
    "Source",
]

TABLES: dict[str, type[Row]] = {
    "accelerators": Accelerator,
    "aliases": Alias,
    "interconnects": Interconnect,
    "systems": Figure,
    "models": Model,
    "drafts": Draft,
    "quantizations": Quantization,
    "quality": QualityScore,
    "engines": Engine,
    "format_support": FormatSupport,
    "calibration": Calibration,
    "offers": Offer,
    "api_offers": ApiOffer,
    "discounts": Discount,
    "servers": ServerFigure,
    "sites": Figure,
    "price_paths": PricePoint,
    "price_trends": PriceTrend,
    "profiles": ProfilePoint,
    "lengths": LengthCell,
    "sources": Source,
}
"""Table name (file stem in ``catalogs/``) to row model."""
