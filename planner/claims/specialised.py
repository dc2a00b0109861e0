"""C11: specialised inference processors beside GPUs of NVIDIA, system by system.

Two kinds of evidence stand apart. What a system costs is known where its rent and its throughput
are public: then a fleet of it is planned for the same chats at the same limits. Elsewhere there is
only what its maker asks for tokens: the ratio of the cheapest seller on GPUs to that is a ratio of
prices, not of costs, and speed differs too. It decides nothing; the row says at which price or
cost of tokens the claim would hold::

    times better = usd_per_mtok(cheapest GPU) / usd_per_mtok(system)
    price at which it holds = usd_per_mtok(cheapest GPU) / 10

Tokens are those of the chatbot: 1,155 in and 211 out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.claims.conditions import CHAT_LIMITS, prices_of
from planner.claims.judge import verdict_of
from planner.claims.records import (
    Band,
    Case,
    Change,
    Chart,
    Claim,
    Detail,
    Finding,
    Plans,
    Range,
    Series,
)

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.plan.document import Plan

_UNIT = "times better cost than the cheapest NVIDIA GPU"
_CLAIMED = Band(10.0, 50.0)
_MODELS = {"70B": "llama-3.3-70b-instruct", "8B": "llama-3.1-8b-instruct"}
_GPUS = "[h100-sxm-80gb, h200-sxm-141gb, b200-sxm-180gb, l40s-48gb]"
_RENTED = (
    "mi300x-192gb",
    "tpu-v6e-32gb",
    "tpu-v7-192gb",
    "inferentia2-32gb",
    "trainium2-96gb",
    "gaudi2-96gb",
    "gaudi3-128gb",
    "sambanova-sn40l-8",
)
SOLD_AS_TOKENS = {
    "cerebras": "cerebras-cs-3",
    "groq": "groq-lpu-v1",
    "huggingface-sambanova": "sambanova-sn40l",
}
"""System behind the tokens of a seller."""
_NO_PRICE = ("graphcore-bow",)
_ISL_TOKENS, _OSL_TOKENS = 1155, 211
_CHAT = Case("claims/chat_70b", None, ("candidates.quantizations=[bf16, fp8]",))
_CONFIDENCES = (0.8, 0.5, 0.95)


def _case(hardware: str, model: str, confidence: float = 0.8) -> Case:
    engines = "[vendor]" if hardware.startswith("sambanova") else "[vllm]"
    return _CHAT.changed(
        Change(
            "",
            (
                f"candidates.hardware={hardware if hardware[0] == '[' else f'[{hardware}]'}",
                f"candidates.models=[{_MODELS[model]}]",
                f"candidates.engines={engines}",
                f"policy.confidence={confidence}",
            ),
        )
    )


_CASES = {
    (hardware, model, confidence): _case(hardware, model, confidence)
    for hardware in (_GPUS, *_RENTED)
    for model in _MODELS
    for confidence in _CONFIDENCES
}


def usd_per_mtok(input_usd: float, output_usd: float) -> float:
    """Return the price of a million tokens of a chat, from those of prompts and outputs."""
    tokens = _ISL_TOKENS + _OSL_TOKENS
    return (input_usd * _ISL_TOKENS + output_usd * _OSL_TOKENS) / tokens


def token_prices(catalog: Catalog, model: str) -> dict[str, float]:
    """Return the lowest price of a chat's tokens by seller, USD per million."""
    found: dict[str, float] = {}
    for offer in catalog.api_offers:
        if offer.model == model and offer.mode == "standard":
            price = usd_per_mtok(offer.input_usd_per_mtok, offer.output_usd_per_mtok)
            found[offer.provider] = min(price, found.get(offer.provider, price))
    return found


def _test(plans: Plans, catalog: Catalog) -> Finding:
    owned = _rented_ratios(plans)
    sold = _sold_ratios(catalog)
    base = [p for m in _MODELS if (p := plans.get(_CASES[_GPUS, m, 0.8])) is not None]
    decided = {name: verdict_of(_CLAIMED, r) for name, r in owned.items()}
    lows, highs = [r.low for r in owned.values()], [r.high for r in owned.values()]
    missing = sorted({*SOLD_AS_TOKENS.values(), *_NO_PRICE, *_without(owned)})
    return Finding(
        found=max(lows, default=None),
        range=Range(min(lows), max(highs)) if owned else None,
        verdict="holds_when" if "holds" in decided.values() else "not_decidable",
        conditions=(
            *(f"{name}: {verdict}" for name, verdict in decided.items()),
            f"{', '.join(missing)}: not_decidable, no public rent or no public throughput",
            f"a million chats a day at {CHAT_LIMITS}",
            "a price of tokens is not a cost, and speeds of sellers differ",
            *((prices_of(base),) if base else ()),
        ),
        details=(*_owned_rows(owned, plans), *_sold_rows(sold), *_unknown_rows(plans, owned)),
        chart=_chart(owned, sold),
    )


def _rented_ratios(plans: Plans) -> dict[str, Range]:
    """Return the range over confidences and gaps of the ratio of costs, by hardware and model."""
    found = {}
    for hardware in _RENTED:
        for model in _MODELS:
            ratios: list[tuple[float, float]] = []
            for confidence in _CONFIDENCES:
                gpu = plans.get(_CASES[_GPUS, model, confidence])
                own = plans.get(_CASES[hardware, model, confidence])
                if gpu and own and gpu.cost_usd and own.cost_usd:
                    ratios.append(ratio_within_gaps(gpu, own))
            if len(ratios) == len(_CONFIDENCES):
                low, high = min(low for low, _ in ratios), max(high for _, high in ratios)
                found[f"{hardware} ({model})"] = Range(low, high)
    return found


def ratio_within_gaps(gpu: Plan, own: Plan) -> tuple[float, float]:
    """Return the least and greatest ratio of costs that the gaps of two plans leave open."""
    gpu_usd, own_usd = gpu.cost_usd or 0.0, own.cost_usd or 0.0
    return (gpu.bound_usd or gpu_usd) / own_usd, gpu_usd / (own.bound_usd or own_usd)


def _sold_ratios(catalog: Catalog) -> dict[str, tuple[float, float]]:
    """Return ratio of prices, and the price at which the claim holds, by system and model."""
    found = {}
    models = sorted({o.model for o in catalog.api_offers if o.provider in SOLD_AS_TOKENS})
    for model in models:
        prices = token_prices(catalog, model)
        general = [p for seller, p in prices.items() if seller not in SOLD_AS_TOKENS]
        for seller, price in prices.items():
            if seller in SOLD_AS_TOKENS and general:
                name = f"{SOLD_AS_TOKENS[seller]} ({model})"
                found[name] = (min(general) / price, min(general) / (_CLAIMED.low or 1.0))
    return found


def _without(owned: dict[str, Range]) -> list[str]:
    return [h for h in _RENTED if not any(name.startswith(f"{h} ") for name in owned)]


def _owned_rows(owned: dict[str, Range], plans: Plans) -> list[Detail]:
    rows = []
    for name, found in owned.items():
        hardware, model = name[:-1].split(" (")
        plan = plans[_CASES[hardware, model, 0.8]]
        rents = [row.price_usd_per_hour for row in plan.fleet if row.nodes]
        at = max(rents, default=0.0) * found.low / (_CLAIMED.low or 1.0)
        note = (
            f"does it hold: {verdict_of(_CLAIMED, found)}; it would at {at:.3g} USD per node-hour"
        )
        rows.append(Detail(f"cost of a fleet of {name}", found.low, "times better", note))
    return rows


def _sold_rows(sold: dict[str, tuple[float, float]]) -> list[Detail]:
    return [
        Detail(
            f"price of tokens of {name}",
            ratio,
            "times cheaper than the cheapest seller on GPUs",
            f"not_decidable; it would hold at a cost of {price:.3g} USD per million tokens",
        )
        for name, (ratio, price) in sold.items()
    ]


def _unknown_rows(plans: Plans, owned: dict[str, Range]) -> list[Detail]:
    gpu = plans.get(_CASES[_GPUS, "8B", 0.8])
    unit = gpu.unit_costs[0].usd_per_million_tokens if gpu and gpu.unit_costs else None
    at = "" if unit is None else f"; it would hold at {unit / 10:.3g} USD per million tokens of 8B"
    return [
        Detail(name, None, "times better", f"not_decidable: no rent or throughput{at}")
        for name in (*_NO_PRICE, *_without(owned))
    ]


def _chart(owned: dict[str, Range], sold: dict[str, tuple[float, float]]) -> Chart:
    by_cost = tuple((float(n), r.low) for n, r in enumerate(owned.values(), 1))
    by_price = tuple((float(n), ratio) for n, (ratio, _) in enumerate(sold.values(), 1))
    series = (Series("planned cost", by_cost), Series("price of tokens", by_price))
    return Chart("row of the table below", "times better", series, _CLAIMED.edges)


C11 = Claim(
    "C11",
    "Specialised inference processors give 10-50x better cost per inference",
    "10-50 times",
    _UNIT,
    tuple(_CASES.values()),
    _test,
    base=tuple(case for key, case in _CASES.items() if key[2] == _CONFIDENCES[0]),
)
