"""Records of what is bought beside nodes: tokens of a provider, and models.

Costs are in USD of the date of payment, undiscounted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiOption:
    """Tokens of one provider for one workload.

    Parameters
    ----------
    id
        Offer identity.
    usd_per_request
        Cost of a mean request by period and block, shape (T, B), or (T, 1) when the hour does
        not matter.
    input_tokens, output_tokens
        Mean tokens of a request, cached input included.
    assumed_latency
        True when the offer states no latency and the problem allows to assume it.
    price_date
        Date of the price of the first period.
    quality
        Score by benchmark that the workload asks for.
    price_dates
        Date of the price of every period; empty when all prices carry `price_date`.
    note
        What the catalogue says about the offer.
    sources
        Source of the price of every period; empty when nobody states them.
    """

    id: str
    workload: str
    provider: str
    model: str
    mode: str
    usd_per_request: tuple[tuple[float, ...], ...]
    input_tokens: float
    output_tokens: float
    assumed_latency: bool
    price_date: str
    quality: tuple[tuple[str, float], ...] = ()
    price_dates: tuple[str, ...] = ()
    note: str = ""
    sources: tuple[str, ...] = ()

    def usd_per_request_at(self, period: int, block: int) -> float:
        """Return the cost of a mean request in a block of a period."""
        by_block = self.usd_per_request[period]
        return by_block[block] if len(by_block) > 1 else by_block[0]

    def price_date_at(self, period: int) -> str:
        """Return the date of the price of a period, counted from 0."""
        return self.price_dates[period] if self.price_dates else self.price_date

    def source_at(self, period: int) -> str:
        """Return the source of the price of a period, counted from 0."""
        return self.sources[period] if self.sources else ""


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model costs beyond serving it.

    Parameters
    ----------
    model
        The model.
    usd
        Paid at the start of the first period that uses it.
    usd_per_period
        Paid in the middle of every period that uses it.
    """

    model: str
    usd: float
    usd_per_period: float
