"""The ways to serve and the reasons against the others, as rows and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from planner.errors import counted
from planner.report.tables import NUMBER, Column, money, number, write_table
from planner.units import (
    BYTES_PER_GB,
    JOULES_PER_KWH,
    MS_PER_S,
    SECONDS_PER_HOUR,
    TOKENS_PER_MTOK,
)

if TYPE_CHECKING:
    from typing import TextIO

    from planner.demand.records import Demand
    from planner.options.energy_records import PowerDraw
    from planner.options.records import Capacity, Option, OptionSet

_THOUSAND = 1_000.0
_POWER_KEYS = (
    "power_w",
    "power_idle_w",
    "power_base_w",
    "it_power_w",
    "marginal_energy_per_request_j",
    "energy_kwh_per_million_output_tokens_full",
)
_EXAMPLES = 2
"""Names shown of each reason; --json has all."""
_NOUNS = {"option": "option", "offer": "offer", "api": "API offer"}


def option_rows(
    options: OptionSet, demand: Demand, workload: str | None = None
) -> list[dict[str, Any]]:
    """Return one row for each workload and option that can serve it, cheapest first.

    ``usd_per_million_tokens_full`` is the cost of tokens of a replica that is always full, on the
    cheapest node per accelerator that holds it. Where lengths grow, figures are those of the first
    period in which the option serves, and ``capacity_rps_by_period`` has all (``null`` without).
    """
    by_id = {o.id: o for o in (*options.options, *options.dominated)}
    dominated = {o.id for o in options.dominated}
    rows = []
    for capacity in options.capacities:
        if workload in {None, capacity.workload}:
            option = by_id[capacity.option_id]
            rows.append(_row(capacity, option, options, demand, option.id in dominated))
    return sorted(
        rows,
        key=lambda r: (
            r["workload"],
            (r["usd_per_hour"] or 0.0) / r["capacity_rps"],
            r["option_id"],
        ),
    )


def _row(
    capacity: Capacity, option: Option, options: OptionSet, demand: Demand, dominated: bool
) -> dict[str, Any]:
    single, most, layout = capacity.points[0], capacity.points[-1], option.layout
    usd_per_hour, offer = _cheapest(option, options)
    rates = demand.of(capacity.workload)
    first = next((t for t, points in enumerate(capacity.by_period) if points), 0)
    lengths = None if rates.lengths is None else rates.lengths.at(rates.planned_level(first))
    tokens = None if lengths is None else lengths.isl_mean_tokens + lengths.osl_mean_tokens
    per_hour = most.planned_rps * SECONDS_PER_HOUR
    drafting = None if capacity.setting is None else capacity.setting.speculation
    return {
        "workload": capacity.workload,
        "option_id": option.id,
        "model": option.model,
        "quantization": option.quantization,
        "engine": option.engine,
        "hardware": option.hardware,
        "tensor_parallel": option.tensor_parallel,
        "data_parallel": option.data_parallel,
        "accelerators": option.accelerators,
        "prefill_instances": None if layout is None else layout.prefill_instances,
        "prefill_tensor_parallel": None if layout is None else layout.prefill_tensor_parallel,
        "decode_instances": None if layout is None else layout.decode_instances,
        "capacity_rps": most.planned_rps,
        "capacity_nominal_rps": most.nominal_rps,
        "capacity_rps_by_replicas": {str(p.min_replicas): p.planned_rps for p in capacity.points},
        "capacity_rps_by_period": [
            points[-1].planned_rps if points else None for points in capacity.by_period
        ],
        "min_replicas": single.min_replicas,
        "limit": most.limit,
        "chunk_tokens": None if capacity.setting is None else capacity.setting.chunk_tokens,
        "draft": option.draft,
        "draft_tokens": 0 if drafting is None else drafting.draft_tokens,
        "tokens_per_step": 1.0 if drafting is None else drafting.tokens_per_step,
        "tokens_per_step_evidence": "" if drafting is None else drafting.evidence,
        "ttft_p99_ms": None if most.ttft_p99_s is None else most.ttft_p99_s * MS_PER_S,
        "tpot_mean_ms": None if most.tpot_mean_s is None else most.tpot_mean_s * MS_PER_S,
        "weight_gb": None if option.weight_bytes is None else option.weight_bytes / BYTES_PER_GB,
        "kv_capacity_tokens": option.kv_capacity_tokens,
        "quality": dict(capacity.quality),
        "coefficient_origin": capacity.origin,
        "offer_id": offer,
        "usd_per_hour": usd_per_hour,
        "usd_per_million_tokens_full": (
            None
            if tokens is None or usd_per_hour is None
            else usd_per_hour / (per_hour * tokens) * TOKENS_PER_MTOK
        ),
        **_power_cells(capacity.power),
        "dominated": dominated,
    }


def _power_cells(power: PowerDraw | None) -> dict[str, Any]:
    """Return the power of a replica and the energy of its tokens, all ``None`` when unknown.

    ``power_w``, ``power_idle_w`` and ``power_base_w`` are of its accelerators; ``it_power_w`` adds
    the host. From a quarter of the capacity on the power is ``power_base_w`` plus
    ``marginal_energy_per_request_j`` times the rate.
    """
    if power is None:
        return dict.fromkeys(_POWER_KEYS)
    host_w, token_j = power.host_w, power.energy_per_output_token_j
    values = (
        power.capacity_w,
        power.idle_w,
        power.base_w,
        None if host_w is None else power.capacity_w + host_w,
        power.marginal_energy_per_request_j,
        token_j * TOKENS_PER_MTOK / JOULES_PER_KWH,
    )
    return dict(zip(_POWER_KEYS, values, strict=True))


def _cheapest(option: Option, options: OptionSet) -> tuple[float | None, str]:
    """Return the lowest price per hour of a replica's accelerators, and the offer it is from."""
    prices = [
        (price / node.accelerators_per_node * option.accelerators, node.offer_id)
        for node in options.offers
        if node.hardware == option.hardware
        and node.accelerators_per_node % option.accelerators == 0
        for price in node.price_usd_per_hour
        if price is not None
    ]
    return min(prices, default=(None, ""))


def token_rows(options: OptionSet, workload: str | None = None) -> list[dict[str, Any]]:
    """Return one row for each API offer that may serve, or lacks only stated latencies.

    A request out of provisioned units costs its share of units that are always fully used.
    """
    full = {units.id: units for units in options.provisioned}
    return [
        {
            "workload": offer.workload,
            "offer_id": offer.id,
            "model": offer.model,
            "mode": offer.mode,
            "usd_per_request": full[offer.units_id].full_usd_per_request(offer)
            if offer.units_id
            else fmean(offer.usd_per_request[0]),
            "usable": offer in options.api,
            "latency": "assumed" if offer.assumed_latency else "stated or not limited",
            "quality": dict(offer.quality),
            "price_date": offer.price_date,
        }
        for offer in (*options.api, *options.api_unproven)
        if workload in {None, offer.workload}
    ]


def write_tokens(out: TextIO, rows: list[dict[str, Any]]) -> None:
    """Write the table of API offers."""
    columns = [
        Column("API offer", whole=True),
        Column("workload", gives_way=1),
        Column("USD per 1,000 requests", NUMBER),
        Column("may serve"),
    ]
    cells = [
        [
            row["offer_id"],
            row["workload"],
            number(row["usd_per_request"] * _THOUSAND, 4),
            "yes" if row["usable"] else "no: latency unproven",
        ]
        for row in sorted(rows, key=lambda r: (r["workload"], r["usd_per_request"]))
    ]
    write_table(out, columns, cells, "API tokens whose model meets the quality floors")


def write_options(out: TextIO, rows: list[dict[str, Any]]) -> None:
    """Write the table of ways to serve."""
    many = len({row["workload"] for row in rows}) > 1
    drafted = any(row["draft"] for row in rows)
    columns = [
        *([Column("workload", whole=True)] if many else []),
        Column("option", whole=True, gives_way=-1),
        Column("req/s", NUMBER),
        Column("nominal", NUMBER, gives_way=4),
        Column("limited by", gives_way=3),
        Column("TTFT p99 ms", NUMBER),
        Column("TPOT mean ms", NUMBER),
        *([Column("tok/step", NUMBER, gives_way=4)] if drafted else []),
        Column("KV ktok", NUMBER, gives_way=4),
        Column("USD/h", NUMBER, gives_way=1),
        Column("USD/Mtok", NUMBER),
        Column("W", NUMBER, gives_way=5),
        Column("kWh/Mtok out", NUMBER, gives_way=5),
        Column("dominated", gives_way=2),
    ]
    cells = [[*([row["workload"]] if many else []), *_cells(row, drafted)] for row in rows]
    title = (
        "Ways to serve: one replica where many share a queue "
        "(USD/Mtok, W and kWh: always full; W and kWh: accelerators)"
    )
    write_table(out, columns, cells, title)


def _cells(row: dict[str, Any], drafted: bool) -> list[str]:
    cache = row["kv_capacity_tokens"]
    return [
        row["option_id"],
        number(row["capacity_rps"]),
        number(row["capacity_nominal_rps"]),
        row["limit"],
        number(row["ttft_p99_ms"], 0),
        number(row["tpot_mean_ms"], 0),
        *([number(row["tokens_per_step"], 2)] if drafted else []),
        number(None if cache is None else cache / _THOUSAND, 0),
        money(row["usd_per_hour"], 2),
        number(row["usd_per_million_tokens_full"], 3),
        number(row["power_w"], 0),
        number(row["energy_kwh_per_million_output_tokens_full"], 3),
        "yes" if row["dominated"] else "",
    ]


def rejection_rows(options: OptionSet, workload: str | None = None) -> list[dict[str, Any]]:
    """Return one row for each thing that cannot serve, with the reason and the way out."""
    return [
        {
            "kind": r.kind,
            "subject": r.subject,
            "workload": r.workload,
            "reason": r.reason,
            "detail": r.detail,
            "count": r.count,
            "shortfall": r.shortfall,
        }
        for r in (*options.rejections, *options.pruned)
        if not r.workload or workload in {None, r.workload}
    ]


def write_rejections(out: TextIO, rows: list[dict[str, Any]]) -> None:
    """Write the table of the reasons, each with how many it is against and some of them.

    Parameters
    ----------
    out
        Stream to write to.
    rows
        As :func:`rejection_rows` returns them.
    """
    groups = _groups(rows)
    title = "What cannot serve, and why"
    if out.isatty():
        columns = [
            Column("n", NUMBER),
            Column("reason", whole=True, gives_way=1),
            Column("workload", whole=True, gives_way=2),
            Column("why, and what"),
        ]
        cells = [
            [f"{g.count:,}", g.reason, g.workload, f"{g.detail}\nagainst {g.named}"]
            for g in groups
        ]
        write_table(out, columns, cells, title)
        if len(groups) < len(rows):
            out.write("--json names all that a reason stands against\n")
        return
    columns = [Column(name) for name in ("what", "workload", "reason", "detail", "count")]
    cells = [[g.named, g.workload, g.reason, g.detail, str(g.count)] for g in groups]
    write_table(out, columns, cells, title)


@dataclass(slots=True)
class _Group:
    """Everything of one kind that cannot serve for one and the same reason."""

    kind: str
    workload: str
    reason: str
    detail: str
    count: int
    subjects: list[str]

    @property
    def named(self) -> str:
        """The first names, and how many others there are; a name may stand for many options."""
        shown = self.subjects[:_EXAMPLES]
        more = len(self.subjects) - len(shown)
        others = f" and {counted(more, f'more {_NOUNS[self.kind]}')}" if more else ""
        return f"{', '.join(shown)}{others}"


def _groups(rows: list[dict[str, Any]]) -> list[_Group]:
    found: dict[tuple[str, ...], _Group] = {}
    for row in rows:
        key = (row["kind"], row["workload"], row["reason"], row["detail"])
        group = found.setdefault(key, _Group(*key, 0, []))
        group.count += row["count"]
        group.subjects.append(row["subject"])
    return list(found.values())
