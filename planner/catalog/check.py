"""What is wrong or doubtful in a loaded catalogue, beyond the form of single cells.

Errors are facts that cannot be: names that lead nowhere, rates and architectures that
contradict themselves, prices far outside any market, demand shapes that are incomplete.
Warnings are facts that may mislead: old prices, spot above on-demand, two sources that
disagree about one price, memory known only from the product name.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.catalog.calibration import EVERYTHING
from planner.catalog.dates import age_days, parse_partial_date
from planner.catalog.offers import api_offers_at, offers_at
from planner.catalog.schema import TABLES, Figure, PricePoint
from planner.errors import Fault, did_you_mean
from planner.units import DAYS_PER_YEAR, HOURS_PER_DAY

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Model, Offer, Row

MIN_USD_PER_ACCELERATOR_HOUR = 0.05
MAX_USD_PER_ACCELERATOR_HOUR = 200.0
PROFILE_MEAN_TOLERANCE = 0.01
PROBABILITY_TOLERANCE = 1e-6
DAYS_PER_WEEK = 7
DEFAULT_MAX_AGE_DAYS = int(DAYS_PER_YEAR)
TERM_MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
UNCOMMITTED = ("on_demand", "spot")
QUANTITIES = {
    "systems": (
        "chips",
        "memory_gb",
        "bandwidth_gb_per_s",
        "bf16_tflops",
        "int8_tops",
        "power_w",
        "capex_usd",
        "token_price_provider",
        "decode_tokens_per_s_per_user",
        "decode_tokens_per_s_per_system",
    ),
    "servers": (
        "accelerators",
        "capex_usd",
        "it_power_w",
        "board_power_load_fraction",
        "life_months",
        "residual_fraction",
        "resale_fraction_36_months",
        "network_capex_fraction",
        "support_fraction_per_year",
        "software_usd_per_accelerator_year",
        "lead_time_weeks",
    ),
    "sites": (
        "electricity_usd_per_kwh",
        "pue",
        "colocation_usd_per_kw_month",
        "staff_fte",
        "staff_usd_per_fte_year",
    ),
}
"""What a table of figures may state."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Errors make a catalogue unusable; warnings are for the reader."""

    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def check_catalog(
    catalog: Catalog,
    *,
    on: datetime.date | None = None,
    max_age_days: int = DEFAULT_MAX_AGE_DAYS,
    measured_hardware: Collection[str] = (),
) -> CheckReport:
    """Return every error and warning of a catalogue.

    Parameters
    ----------
    catalog
        The catalogue.
    on
        Day against which prices age. Default: the newest ``as_of`` of the catalogue, so that
        the same files always give the same report.
    max_age_days
        Age in days above which a price in force is called old.
    measured_hardware
        Hardware of measured capacities: offers of it need no row in accelerators.csv.
    """
    day = on or newest_as_of(catalog)
    errors = (
        *_missing_sources(catalog),
        *_dangling(catalog, measured_hardware),
        *_impossible_accelerators(catalog),
        *_impossible_models(catalog),
        *_impossible_calibration(catalog),
        *_impossible_prices(catalog),
        *_impossible_terms(catalog),
        *_profiles(catalog),
        *_histograms(catalog),
    )
    warnings: tuple[Fault, ...] = (
        *_doubtful_accelerators(catalog),
        *_contradictory_prices(catalog),
    )
    if day is not None:
        warnings += (*_old_prices(catalog, day, max_age_days), *_dear_discounts(catalog, day))
    return CheckReport(errors, warnings)


def newest_as_of(catalog: Catalog) -> datetime.date | None:
    """Return the newest ``as_of`` of all rows, ``None`` for an empty catalogue."""
    days = (parse_partial_date(row.as_of) for name in TABLES for row in catalog.table(name))
    return max(days, default=None)


def _fault(catalog: Catalog, table: str, row: Row, column: str, message: str) -> Fault:
    origin = catalog.origin(table, row)
    file, line = (origin.file, origin.line) if origin else (f"{table}.csv", None)
    return Fault(file, line, None, f"{table}.{column}", f"{':'.join(row.key)}: {message}")


def _missing_sources(catalog: Catalog) -> Iterator[Fault]:
    for table in TABLES:
        for row in catalog.table(table):
            if not row.source.strip():
                yield _fault(catalog, table, row, "source", "has no source")


def _dangling(catalog: Catalog, measured_hardware: Collection[str]) -> Iterator[Fault]:
    accelerators = {a.id for a in catalog.accelerators}
    models = {m.id for m in catalog.models}
    formats = {q.id for q in catalog.quantizations}
    scopes = {
        "default": {EVERYTHING},
        "accelerator": accelerators,
        "engine": {e.id for e in catalog.engines},
        "quantization": formats,
    }
    references: list[tuple[str, Row, str, str, set[str]]] = []
    references += [
        ("aliases", r, "accelerator", r.accelerator, accelerators) for r in catalog.aliases
    ]
    references += [
        ("interconnects", r, "accelerator", r.accelerator, accelerators)
        for r in catalog.interconnects
    ]
    references += [
        ("offers", r, "accelerator", r.accelerator, accelerators | set(measured_hardware))
        for r in catalog.offers
    ]
    # Nothing is computed from the architecture of a closed model, so it needs no row.
    references += [
        ("api_offers", r, "model", r.model, models)
        for r in catalog.api_offers
        if r.weights == "open"
    ]
    references += [
        ("api_offers", r, "quantization", r.quantization, formats)
        for r in catalog.api_offers
        if r.quantization is not None
    ]
    references += [
        ("quality", r, "quantization", r.quantization, formats) for r in catalog.quality
    ]
    references += [
        ("calibration", r, "key_id", r.key_id, scopes[r.scope]) for r in catalog.calibration
    ]
    for table, row, column, name, known in references:
        if name not in known:
            message = f"`{name}` is in no table{did_you_mean(name, known)}"
            yield _fault(catalog, table, row, column, message)


def _impossible_accelerators(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.accelerators:
        rates = (
            ("bf16_tflops", row.bf16_tflops),
            ("fp8_tflops", row.fp8_tflops),
            ("fp4_tflops", row.fp4_tflops),
        )
        known = [(column, rate) for column, rate in rates if rate is not None]
        for (wide, slow), (narrow, fast) in pairwise(known):
            if fast < slow:
                message = f"{fast:g} TFLOPS is below {wide} ({slow:g}); a narrower type is faster"
                yield _fault(catalog, "accelerators", row, narrow, message)


def _impossible_models(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.models:
        for column, message in _model_contradictions(row):
            yield _fault(catalog, "models", row, column, message)


def _model_contradictions(row: Model) -> Iterator[tuple[str, str]]:
    if row.experts_active is not None and row.experts_active > (row.experts_routed or 0):
        yield "experts_active", f"{row.experts_active} of {row.experts_routed or 0} experts active"
    if row.kv_heads is not None and row.kv_heads > row.heads:
        yield "kv_heads", f"{row.kv_heads} key-value heads but {row.heads} query heads"
    if row.attention == "mla" and row.kv_lora_rank is None:
        yield "kv_lora_rank", "is blank; latent attention needs its rank"
    if row.attention != "mla" and (row.kv_heads is None or row.head_dim is None):
        yield "kv_heads", "kv_heads and head_dim are needed unless attention is mla"
    # Hybrid models have linear layers, which hold a state of fixed size and no window.
    windowed = row.full_attention_fraction < 1 and row.attention != "hybrid"
    if windowed and row.sliding_window is None:
        yield "sliding_window", "is blank but some layers do not attend to the whole context"
    if (row.dense_first_layers or 0) > row.layers:
        yield "dense_first_layers", f"{row.dense_first_layers} of {row.layers} layers"


def _impossible_calibration(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.calibration:
        low = row.value if row.low is None else row.low
        high = row.value if row.high is None else row.high
        if not low <= row.value <= high:
            message = f"{row.value:g} is outside its own range {low:g} to {high:g}"
            yield _fault(catalog, "calibration", row, "value", message)


def _impossible_prices(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.offers:
        price = row.price_usd_per_hour / row.accelerators
        if not MIN_USD_PER_ACCELERATOR_HOUR <= price <= MAX_USD_PER_ACCELERATOR_HOUR:
            message = (
                f"{price:g} USD per accelerator-hour is outside "
                f"{MIN_USD_PER_ACCELERATOR_HOUR:g} to {MAX_USD_PER_ACCELERATOR_HOUR:g}; "
                "the price is that of the whole node"
            )
            yield _fault(catalog, "offers", row, "price_usd_per_hour", message)


def _impossible_terms(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.offers:
        for column, message in _term_contradictions(row):
            yield _fault(catalog, "offers", row, column, message)


def _term_contradictions(row: Offer) -> Iterator[tuple[str, str]]:
    if row.tenure in UNCOMMITTED:
        for column in ("term_months", "upfront_fraction", "commits"):
            if getattr(row, column) is not None:
                yield column, f"tenure {row.tenure} commits to nothing; leave it blank"
    elif row.interruption_rate_per_h is not None:
        yield "interruption_rate_per_h", f"tenure {row.tenure} is not taken away; leave it blank"
    term = TERM_MONTHS.get(row.tenure, row.term_months)
    if row.term_months not in (None, term):
        yield "term_months", f"{row.term_months} months, but tenure {row.tenure} is {term}"
    if row.evidence == "estimated" and not row.notes:
        yield "notes", "is blank; an estimated price states the ratio and both dates"


def _profiles(catalog: Catalog) -> Iterator[Fault]:
    lengths = (int(HOURS_PER_DAY), int(HOURS_PER_DAY) * DAYS_PER_WEEK)
    for name in sorted({p.profile for p in catalog.profiles}):
        points = {p.hour: p for p in catalog.profiles if p.profile == name}
        last = points[max(points)]
        period = next(hours for hours in lengths if last.hour < hours)
        missing = [str(hour) for hour in range(period) if hour not in points]
        if missing:
            message = f"profile `{name}` of {period} hours lacks hour {', '.join(missing)}"
            yield _fault(catalog, "profiles", last, "hour", message)
            continue
        mean = sum(p.multiplier for p in points.values()) / period
        if abs(mean - 1) > PROFILE_MEAN_TOLERANCE:
            message = f"profile `{name}` has mean {mean:.4f}; multipliers have mean 1"
            yield _fault(catalog, "profiles", last, "multiplier", message)


def _histograms(catalog: Catalog) -> Iterator[Fault]:
    for name in sorted({c.lengths for c in catalog.lengths}):
        cells = [c for c in catalog.lengths if c.lengths == name]
        total = sum(c.probability for c in cells)
        if abs(total - 1) > PROBABILITY_TOLERANCE:
            message = f"probabilities of `{name}` sum to {total:.6f}, not 1"
            yield _fault(catalog, "lengths", cells[-1], "probability", message)


def _doubtful_accelerators(catalog: Catalog) -> Iterator[Fault]:
    for row in catalog.accelerators:
        if row.memory_basis == "vendor":
            message = (
                f"{row.memory_mib:g} MiB comes from the product name; "
                "set what the driver reports and memory_basis `driver`"
            )
            yield _fault(catalog, "accelerators", row, "memory_basis", message)
        if _slow_int8(row):
            message = f"{row.int8_tops:g} TOPS is below bf16_tflops ({row.bf16_tflops:g})"
            yield _fault(catalog, "accelerators", row, "int8_tops", message)


def _slow_int8(row: Accelerator) -> bool:
    # Real on recent parts that drop integer matrix units, so it is doubtful, not impossible.
    return None not in (row.int8_tops, row.bf16_tflops) and (row.int8_tops or 0) < (
        row.bf16_tflops or 0
    )


def _contradictory_prices(catalog: Catalog) -> Iterator[Fault]:
    seen: dict[tuple[str, datetime.date], Offer] = {}
    for row in catalog.offers:
        key = (row.offer_id.casefold(), parse_partial_date(row.valid_from))
        other = seen.setdefault(key, row)
        if other.price_usd_per_hour != row.price_usd_per_hour:
            message = (
                f"{row.price_usd_per_hour:g} USD/h from {row.source}, but "
                f"{other.price_usd_per_hour:g} from {other.source}, for the same day"
            )
            yield _fault(catalog, "offers", row, "price_usd_per_hour", message)


def _old_prices(catalog: Catalog, on: datetime.date, max_age_days: int) -> Iterator[Fault]:
    rows: list[tuple[str, Row]] = [("offers", row) for row in offers_at(catalog, on)]
    rows += [("api_offers", row) for row in api_offers_at(catalog, on)]
    for table, row in rows:
        age = age_days(row.as_of, on)
        if age > max_age_days:
            message = f"price of {row.as_of} is {age} days old on {on} (limit {max_age_days})"
            yield _fault(catalog, table, row, "as_of", message)


def _dear_discounts(catalog: Catalog, on: datetime.date) -> Iterator[Fault]:
    rows = offers_at(catalog, on)
    regular = {
        (r.provider, r.instance, r.region): r.price_usd_per_hour
        for r in rows
        if r.tenure == "on_demand"
    }
    for row in rows:
        price = regular.get((row.provider, row.instance, row.region))
        if price is not None and row.price_usd_per_hour > price:
            message = f"{row.price_usd_per_hour:g} USD/h is above on-demand ({price:g})"
            yield _fault(catalog, "offers", row, "price_usd_per_hour", message)


def check_reference(tables: Mapping[str, Sequence[Row]], catalog: Catalog) -> tuple[Fault, ...]:
    """Return the errors of the tables that no plan reads yet.

    Parameters
    ----------
    tables
        Rows by name of ``schema.REFERENCE_TABLES``; a table left out is empty.
    catalog
        The catalogue, for the accelerators, models and providers the rows name.
    """
    trends = {row.key[0] for row in tables.get("price_trends", ())}
    named = {
        "accelerators": {a.id for a in catalog.accelerators},
        "token_price_provider": {o.provider for o in catalog.api_offers},
        "decode_tokens_per_s_per_user": {m.id for m in catalog.models},
    }
    faults = []
    for table, rows in tables.items():
        for row in rows:
            for column, message in _reference(table, row, named, trends):
                text = f"{':'.join(row.key)}: {message}"
                faults.append(Fault(f"{table}.csv", None, None, f"{table}.{column}", text))
    return tuple(faults)


def _reference(
    table: str, row: Row, named: Mapping[str, set[str]], trends: set[str]
) -> Iterator[tuple[str, str]]:
    if isinstance(row, Figure):
        yield from _figure(row, named, QUANTITIES[table])
    elif isinstance(row, PricePoint) and row.trend is not None and row.trend not in trends:
        yield "trend", f"`{row.trend}` is in no row of price_trends"


def _figure(
    row: Figure, named: Mapping[str, set[str]], known: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if row.quantity not in known:
        yield "quantity", f"`{row.quantity}` is no figure here{did_you_mean(row.quantity, known)}"
    names = named.get(row.quantity)
    if names is not None and row.case and row.case not in names:
        yield "case", f"`{row.case}` is in no table{did_you_mean(row.case, names)}"
    if row.value is None:
        if not row.notes:
            yield "value", "is blank, and no note says that it was looked for and not found"
        return
    low = row.value if row.low is None else row.low
    high = row.value if row.high is None else row.high
    if not low <= row.value <= high:
        yield "value", f"{row.value:g} is outside its own range {low:g} to {high:g}"
    if "fraction" in row.quantity and high > 1:
        yield "value", f"{high:g} is above 1"
