"""Every replica that could be built from the candidates, before asking what it can carry.

A combination is dropped here, with its reason, when it cannot exist (the engine is not known to
run the format there or the draft, the accelerator has no rate for it, heads do not divide, parts
without a scale-up link have no measured all-reduce) or cannot be bought (no price, no node that
the parallelism divides).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Protocol, TypeVar

from planner.catalog.schema import Accelerator, Engine, Model, Quantization
from planner.options.drafts import drafters, why_no_draft
from planner.options.formats import how_it_runs
from planner.options.records import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.options.drafts import Drafter
    from planner.options.formats import ComputeType
    from planner.options.records import NodeOffer
    from planner.problem.schema import Candidates

_Keyed = TypeVar("_Keyed", Accelerator, Engine, Model, Quantization)

DEFAULT_ENGINES = ("vllm",)
DEFAULT_TENSOR_PARALLEL = (1, 2, 4, 8)
LATENT_DATA_PARALLEL = (1, 2, 4, 8)
"""Groups tried by default where attention is latent: without groups every accelerator of a replica
holds the whole cache."""
SCALE_UP_LINKS = ("nvlink", "infinity_fabric")
"""Links whose all-reduce the calibrated step model covers."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica that can exist and whose nodes can be rented."""

    model: Model
    quantization: Quantization
    engine: Engine
    accelerator: Accelerator
    tensor_parallel: int
    compute: ComputeType
    """Type in which matrices multiply here."""
    draft: Drafter | None = None
    """What drafts tokens."""
    data_parallel: int = 1
    """Groups of `tensor_parallel` accelerators, each with its attention; all share the experts."""

    @property
    def devices(self) -> int:
        """Accelerators of a replica."""
        return self.tensor_parallel * self.data_parallel

    @property
    def option_id(self) -> str:
        """Identity of the option: ``model/quantization/engine/hardware/tpN``, and its draft.

        With groups of attention ``tpNdpM`` stands in the place of ``tpN``.
        """
        return option_id(
            self.model.id,
            self.quantization.id,
            self.engine.id,
            self.accelerator.id,
            self.tensor_parallel,
            self.data_parallel,
            draft="" if self.draft is None else self.draft.id,
        )

    @property
    def chunk_budgets(self) -> tuple[int, ...]:
        """Token budgets of a step to try."""
        return self.engine.chunk_budgets


class Named(Protocol):
    """Something that goes by an id."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


class Way(Protocol):
    """A replica that can exist: one instance modelled or measured, or a unit of several."""

    @property
    def option_id(self) -> str:
        """Identity of the option."""
        ...

    @property
    def model(self) -> Model:
        """What it serves."""
        ...

    @property
    def quantization(self) -> Quantization:
        """Number format."""
        ...

    @property
    def engine(self) -> Named:
        """What runs the model."""
        ...

    @property
    def accelerator(self) -> Named:
        """What it runs on."""
        ...

    @property
    def tensor_parallel(self) -> int:
        """Accelerators that it, or of a unit an instance that decodes, is split over."""
        ...

    @property
    def data_parallel(self) -> int:
        """Its groups with attention of their own, 1 where it has one."""
        ...

    @property
    def draft(self) -> Drafter | None:
        """What drafts tokens."""
        ...

    @property
    def chunk_budgets(self) -> tuple[int, ...]:
        """Token budgets of a step to try."""
        ...


def option_id(  # noqa: PLR0917
    model: str,
    quantization: str,
    engine: str,
    hardware: str,
    tensor_parallel: int,
    data_parallel: int = 1,
    *,
    draft: str = "",
) -> str:
    """Return the identity of an option."""
    groups = f"dp{data_parallel}" if data_parallel > 1 else ""
    plain = f"{model}/{quantization}/{engine}/{hardware}/tp{tensor_parallel}{groups}"
    return f"{plain}/{draft}" if draft else plain


def buildable(
    chosen: Candidates, catalog: Catalog, nodes: Sequence[NodeOffer]
) -> tuple[list[Candidate], list[Rejection], int]:
    """Return the candidates that can be built, the rejected ones, and how many were considered."""
    models = _chosen(catalog.models, chosen.models)
    devices = _chosen(catalog.accelerators, chosen.hardware)
    formats = _chosen(catalog.quantizations, chosen.quantizations)
    engines = _chosen(catalog.engines, chosen.engines or list(DEFAULT_ENGINES))
    splits = {model.id: _splits(model, chosen) for model in models}
    per_device = len(formats) * len(engines) * sum(len(s) for s in splits.values())
    candidates: list[Candidate] = []
    rejected: list[Rejection] = []
    for device in devices:
        shapes = {n.accelerators_per_node for n in nodes if n.hardware == device.id}
        if not shapes:
            rejected.append(_no_price(device, catalog, per_device))
            continue
        for model, quantization, engine in product(models, formats, engines):
            own = (model, quantization, engine, device)
            _add(own, splits[model.id], shapes, catalog, candidates, rejected)
    ways = {m.id: drafters(m, chosen, catalog) for m in models}
    drafted = [(c, d) for c in candidates if c.data_parallel == 1 for d in ways[c.model.id]]
    for plain, drafter in drafted:
        item = replace(plain, draft=drafter)
        reason = why_no_draft(drafter, plain.engine.id, plain.tensor_parallel)
        if reason is None:
            candidates.append(item)
        else:
            rejected.append(Rejection("option", item.option_id, "", *reason))
    return candidates, rejected, per_device * len(devices) + len(drafted)


def _add(  # noqa: PLR0917
    parts: tuple[Model, Quantization, Engine, Accelerator],
    splits: Iterable[tuple[int, int]],
    shapes: set[int],
    catalog: Catalog,
    candidates: list[Candidate],
    rejected: list[Rejection],
) -> None:
    """Add every split of a model to the candidates, or to the rejected ones."""
    model, quantization, engine, device = parts
    running = how_it_runs(engine, quantization, device, catalog)
    for degree, groups in splits:
        name = option_id(model.id, quantization.id, engine.id, device.id, degree, groups)
        reason = running if isinstance(running, tuple) else None
        if not isinstance(running, tuple):
            item = Candidate(*parts, degree, running, data_parallel=groups)
            reason = _why_not(item, shapes, catalog)
            if reason is None:
                candidates.append(item)
        if reason is not None:
            rejected.append(Rejection("option", name, "", *reason))


def _splits(model: Model, chosen: Candidates) -> list[tuple[int, int]]:
    """Return the degrees of tensor and data parallelism that are tried for a model."""
    own = LATENT_DATA_PARALLEL if _may_have_groups(model) and model.kv_lora_rank else (1,)
    degrees: Sequence[int] = chosen.tensor_parallel or DEFAULT_TENSOR_PARALLEL
    groups: Sequence[int] = chosen.data_parallel or own
    most = max(*DEFAULT_TENSOR_PARALLEL, *degrees, *chosen.data_parallel)
    return [(t, d) for t, d in product(degrees, groups) if d == 1 or t * d <= most]


def _may_have_groups(model: Model) -> bool:
    return model.experts_routed is not None


def _chosen(rows: Iterable[_Keyed], names: Sequence[str]) -> list[_Keyed]:
    return [row for row in rows if not names or row.id in names]


def _no_price(device: Accelerator, catalog: Catalog, count: int) -> Rejection:
    listed = any(o.accelerator == device.id for o in catalog.offers)
    state = "no usable price" if listed else "no dated price"
    detail = (
        f"{state} of {device.name} ({device.id}) at the start of the horizon; add a row to "
        f"offers.csv of an overlay (accelerator={device.id}), or the figures that a server lacks "
        "to servers.csv"
    )
    return Rejection("option", device.id, "", "no_price", detail, count)


def _why_not(item: Candidate, shapes: set[int], catalog: Catalog) -> tuple[str, str] | None:
    device, degree, model = item.accelerator, item.devices, item.model
    if model.heads % item.tensor_parallel:
        return "parallelism", f"{model.heads} heads do not divide by {item.tensor_parallel}"
    if item.data_parallel > 1 and (reason := _why_no_groups(item)):
        return reason
    if not any(shape % degree == 0 for shape in shapes):
        listing = ", ".join(str(s) for s in sorted(shapes))
        detail = f"no offered node of {device.id} ({listing} accelerators) divides by {degree}"
        return "no_node", detail
    if degree > 1 and not _linked(device, degree, catalog):
        detail = (
            f"no measured all-reduce of {degree} x {device.id}; add a row to interconnects.csv"
        )
        return "no_interconnect", detail
    return None


def _why_no_groups(item: Candidate) -> tuple[str, str] | None:
    if not _may_have_groups(item.model):
        return "parallelism", "groups of attention share experts, and this model has none"
    if item.engine.scheduler != "chunked":
        return "parallelism", (
            "groups of attention are planned where prompts share steps with decodes, and "
            f"{item.engine.id} computes prompts first"
        )
    if not _has_scale_up_link(item.accelerator):
        name = item.accelerator.id
        return "no_interconnect", f"groups exchange tokens, and {name} has no known link"
    return None


def _linked(device: Accelerator, degree: int, catalog: Catalog) -> bool:
    return catalog.interconnect(device.id, degree) is not None or _has_scale_up_link(device)


def _has_scale_up_link(device: Accelerator) -> bool:
    return device.link in SCALE_UP_LINKS and device.link_gb_per_s is not None
