"""Prices of hosted models beside the planner's own cost of their tokens.

Whoever hosts an open model asks at least what its tokens cost, unless they are sold at a loss. So
the cheapest price of a hosted model is an upper bound on the cost of an efficient host, and the
cost of the same tokens on rented nodes that are busy all day has to lie below it. A cost above the
price would mean that the model is too pessimistic, or the price a loss; one far below it leaves
room for margin, idle hours, staff and network, none of which is part of this cost.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from planner.claims.records import Case, CrossCheck, Plans
from planner.claims.specialised import SOLD_AS_TOKENS, token_prices

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_PROBLEM = "claims/hosted"
HOSTED = {
    "llama-3.3-70b-instruct": Case(_PROBLEM),
    "deepseek-v3": Case(_PROBLEM, "deepseek_v3"),
    "gpt-oss-120b": Case(_PROBLEM, "gpt_oss_120b"),
}
_BELOW = (
    "as it has to be; between them are margin, idle hours, staff, network and tighter limits on "
    "latency than none"
)
_ABOVE = "the model is too pessimistic here, the host has cheaper nodes, or it sells at a loss"
_SAME_MODEL = {"deepseek-v3": ("deepseek-v3", "deepseek-v3-0324")}
"""Releases with one architecture, which cost the same to serve."""


def hosted_checks(plans: Plans, catalog: Catalog) -> tuple[CrossCheck, ...]:
    """Return the cheapest and the median host on GPUs of every model beside the planned cost.

    Parameters
    ----------
    plans
        Of `HOSTED`; a model without a plan is left out.
    catalog
        Prices of tokens.
    """
    found = []
    for model, case in HOSTED.items():
        plan = plans.get(case)
        if plan is None or not plan.unit_costs:
            continue
        own = plan.unit_costs[0].usd_per_million_tokens
        prices = _prices(catalog, model)
        if own is None or not prices:
            continue
        cheapest = min(prices, key=lambda seller: prices[seller])
        facts = {
            f"{model}: cheapest of {len(prices)} hosts ({cheapest})": prices[cheapest],
            f"{model}: median host": median(prices.values()),
        }
        found += [
            CrossCheck(
                fact,
                price,
                own,
                "USD per million tokens of a chat",
                own / price - 1.0,
                _BELOW if own <= price else _ABOVE,
            )
            for fact, price in facts.items()
        ]
    return tuple(found)


def _prices(catalog: Catalog, model: str) -> dict[str, float]:
    prices: dict[str, float] = {}
    for name in _SAME_MODEL.get(model, (model,)):
        for seller, price in token_prices(catalog, name).items():
            if seller not in SOLD_AS_TOKENS:
                prices[seller] = min(price, prices.get(seller, price))
    return prices
