"""Prices that cannot be, that contradict each other, or that are old."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault
from planner.catalog.dates import age_days, parse_partial_date
from planner.catalog.discounts import API, covers
from planner.catalog.offers import listed_offers_at, price_lists_at, windows_overlap
from planner.catalog.schema import ANY
from planner.errors import counted, did_you_mean

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Discount, Offer, Row
    from planner.errors import Fault

MIN_USD_PER_ACCELERATOR_HOUR = 0.05
MAX_USD_PER_ACCELERATOR_HOUR = 200.0
MAX_USD_PER_SYSTEM_HOUR = 2_000.0
"""A system is a rack or a wafer, and costs millions where an accelerator costs thousands."""
MAX_USD_PER_MTOK = 10_000.0
"""Of a million tokens; the dearest of 2025 cost 600."""
TERM_MONTHS = {"reserved_1y": 12, "reserved_3y": 36}
_TOKEN_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")
UNCOMMITTED = ("on_demand", "spot")


def impossible_prices(catalog: Catalog) -> Iterator[Fault]:
    """Yield prices per accelerator-hour that no market has."""
    systems = {system.id for system in catalog.systems}
    for row in catalog.offers:
        price = row.price_usd_per_hour / row.accelerators
        is_system = row.accelerator in systems
        most = MAX_USD_PER_SYSTEM_HOUR if is_system else MAX_USD_PER_ACCELERATOR_HOUR
        if not MIN_USD_PER_ACCELERATOR_HOUR <= price <= most:
            message = (
                f"{price:g} USD per accelerator-hour is outside "
                f"{MIN_USD_PER_ACCELERATOR_HOUR:g} to {most:g}; "
                "the price is that of the whole node"
            )
            yield fault(catalog, "offers", row, "price_usd_per_hour", message)


def impossible_token_prices(catalog: Catalog) -> Iterator[Fault]:
    """Yield prices of tokens that no market has."""
    for row in catalog.api_offers:
        for column in _TOKEN_PRICES:
            usd = getattr(row, column)
            if usd is not None and usd > MAX_USD_PER_MTOK:
                message = (
                    f"{usd:g} USD per million tokens is above {MAX_USD_PER_MTOK:g}; the price is "
                    "that of a million"
                )
                yield fault(catalog, "api_offers", row, column, message)


def impossible_terms(catalog: Catalog) -> Iterator[Fault]:
    """Yield terms that do not belong to the tenure of the offer."""
    for row in catalog.offers:
        for column, message in _term_contradictions(row):
            yield fault(catalog, "offers", row, column, message)


def _term_contradictions(row: Offer) -> Iterator[tuple[str, str]]:
    if row.tenure in UNCOMMITTED:
        for column in ("term_months", "upfront_fraction", "commits"):
            if getattr(row, column) is not None:
                yield column, f"tenure {row.tenure} commits to nothing; leave it blank"
    elif row.interruption_rate_per_h is not None:
        yield "interruption_rate_per_h", f"tenure {row.tenure} is not taken away; leave it blank"
    term = TERM_MONTHS.get(row.tenure, row.term_months)
    if row.term_months not in (None, term):
        yield (
            "term_months",
            f"{counted(row.term_months, 'month')}, but tenure {row.tenure} is {term}",
        )
    if row.evidence == "estimated" and not row.notes:
        yield "notes", "is blank; an estimated price states the ratio and both dates"


def contradictory_prices(catalog: Catalog) -> Iterator[Fault]:
    """Yield offers that two rows price differently on one day."""
    seen: dict[tuple[str, datetime.date], Offer] = {}
    for row in catalog.offers:
        key = (row.offer_id.casefold(), parse_partial_date(row.valid_from))
        other = seen.setdefault(key, row)
        if other.price_usd_per_hour != row.price_usd_per_hour:
            message = (
                f"{row.price_usd_per_hour:g} USD/h from {row.source}, but "
                f"{other.price_usd_per_hour:g} from {other.source}, for the same day"
            )
            yield fault(catalog, "offers", row, "price_usd_per_hour", message)


def old_prices(catalog: Catalog, on: datetime.date, max_age_days: int) -> Iterator[Fault]:
    """Yield prices in force that are older than an age in days."""
    rows: list[tuple[str, Row]] = [("offers", row) for row in listed_offers_at(catalog, on)]
    rows += [("api_offers", prices.base) for prices in price_lists_at(catalog, on)]
    for table, row in rows:
        age = age_days(row.as_of, on)
        if age > max_age_days:
            message = f"price of {row.as_of} is {age} days old on {on} (limit {max_age_days})"
            yield fault(catalog, table, row, "as_of", message)


def dear_discounts(catalog: Catalog, on: datetime.date) -> Iterator[Fault]:
    """Yield spot and committed prices above on-demand."""
    rows = listed_offers_at(catalog, on)
    regular = {
        (r.provider, r.instance, r.region): r.price_usd_per_hour
        for r in rows
        if r.tenure == "on_demand"
    }
    for row in rows:
        price = regular.get((row.provider, row.instance, row.region))
        if price is not None and row.price_usd_per_hour > price:
            message = f"{row.price_usd_per_hour:g} USD/h is above on-demand ({price:g})"
            yield fault(catalog, "offers", row, "price_usd_per_hour", message)


def impossible_price_lists(catalog: Catalog) -> Iterator[Fault]:
    """Yield token prices for some hours or prompts whose offer has none for all others."""
    lists: dict[tuple[str, str], list[ApiOffer]] = defaultdict(list)
    for row in catalog.api_offers:
        lists[row.offer_id, row.valid_from].append(row)
    for rows in lists.values():
        windows = {row.hours_utc for row in rows}
        short = {row.hours_utc for row in rows if not row.prompt_from_tokens}
        for hours in sorted(windows - short, key=str):
            row = next(r for r in rows if r.hours_utc == hours)
            message = f"has no price for prompts below {row.prompt_from_tokens:,} tokens"
            yield fault(catalog, "api_offers", row, "prompt_from_tokens", message)
        yield from _overlaps(catalog, rows)
        if None not in windows:
            stated = ", ".join(sorted(map(str, windows)))
            message = f"prices only {stated}; leave `hours_utc` blank in one row, for all others"
            yield fault(catalog, "api_offers", rows[0], "hours_utc", message)


def _overlaps(catalog: Catalog, rows: list[ApiOffer]) -> Iterator[Fault]:
    timed = [row for row in rows if row.hours_utc is not None]
    for one, other in combinations(timed, 2):
        same = one.prompt_from_tokens == other.prompt_from_tokens
        if same and windows_overlap(str(one.hours_utc), str(other.hours_utc)):
            origin = catalog.origin("api_offers", one)
            place = f"{origin.file}:{origin.line}" if origin else one.label
            message = f"{other.hours_utc} overlaps {one.hours_utc} of {place}; cut one of the two"
            yield fault(catalog, "api_offers", other, "hours_utc", message)


def ambiguous_references(catalog: Catalog) -> Iterator[Fault]:
    """Yield offers of tokens under a provider's name of another model: their prices would mix."""
    first: dict[tuple[str, str], ApiOffer] = {}
    for row in catalog.api_offers:
        known = first.setdefault((row.provider, row.model_ref), row)
        if row.model != known.model:
            origin = catalog.origin("api_offers", known)
            place = f"{origin.file}:{origin.line}" if origin else known.label
            message = (
                f"`{row.model_ref}` is {row.provider}'s name of {known.model} in {place}; "
                f"state its own name of {row.model}"
            )
            yield fault(catalog, "api_offers", row, "model_ref", message)


def doubtful_token_prices(catalog: Catalog) -> Iterator[Fault]:
    """Yield cached input dearer than input, and batch dearer than standard."""
    standard = {
        (r.provider, r.model_ref, r.hours_utc, r.prompt_from_tokens, r.valid_from): r
        for r in catalog.api_offers
        if r.mode == "standard"
    }
    for row in catalog.api_offers:
        cached, full = row.cached_input_usd_per_mtok, row.input_usd_per_mtok
        if cached is not None and cached > full:
            message = f"{cached:g} USD per million is above input ({full:g})"
            yield fault(catalog, "api_offers", row, "cached_input_usd_per_mtok", message)
        key = (row.provider, row.model_ref, row.hours_utc, row.prompt_from_tokens, row.valid_from)
        other = standard.get(key)
        if row.mode == "batch" and other and row.output_usd_per_mtok > other.output_usd_per_mtok:
            message = (
                f"batch at {row.output_usd_per_mtok:g} USD per million is above standard "
                f"({other.output_usd_per_mtok:g})"
            )
            yield fault(catalog, "api_offers", row, "output_usd_per_mtok", message)


def impossible_spans(catalog: Catalog) -> Iterator[Fault]:
    """Yield prices and discounts that end before they start."""
    for table in ("offers", "api_offers", "discounts"):
        rows: tuple[Offer | ApiOffer | Discount, ...] = getattr(catalog, table)
        for row in rows:
            start, end = row.valid_from, row.valid_to
            if end is not None and parse_partial_date(end) <= parse_partial_date(start):
                message = f"{end} is not after valid_from {start}; the price would never apply"
                yield fault(catalog, table, row, "valid_to", message)


def idle_discounts(catalog: Catalog) -> Iterator[Fault]:
    """Yield discounts that no offer of the catalogue can take."""
    nodes = {(o.provider, o.instance, o.region, o.tenure) for o in catalog.offers}
    tokens = {(o.provider, o.model_ref, ANY, API) for o in catalog.api_offers}
    for row in catalog.discounts:
        own = [o for o in nodes | tokens if o[0] == row.provider]
        if not own:
            hint = did_you_mean(row.provider, {o[0] for o in nodes | tokens})
            message = f"`{row.provider}` sells nothing here{hint}"
            yield fault(catalog, "discounts", row, "provider", message)
        elif not any(covers(row, o[1:]) for o in own):
            message = (
                f"`{row.provider}` has no offer of item {row.item}, region {row.region} and "
                f"tenure {row.tenure} (tokens are named by tenure `api`); planner catalog list "
                f"offers provider={row.provider} shows what it has"
            )
            yield fault(catalog, "discounts", row, "item", message)
