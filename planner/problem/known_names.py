"""Every name that a problem may use, by kind, and the finding for one that leads nowhere."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from planner.catalog.kept import kept_with_catalog
from planner.catalog.systems import VENDOR_ENGINE
from planner.problem.contracts import CapacityBlock, CoveredUse, OrderMinimum, VolumeDiscount
from planner.problem.names import nearest_names
from planner.problem.price_paths import PricePath
from planner.problem.supply import ExistingNodes, Quota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.problem.load import LoadedProblem
    from planner.problem.supply import Supply
    from planner.yaml_io import Path_

Named = TypeVar(
    "Named",
    Quota,
    ExistingNodes,
    CapacityBlock,
    CoveredUse,
    VolumeDiscount,
    OrderMinimum,
    PricePath,
)
DEFAULT = "default"
"""The site of everything whose site is not stated."""
_FLAT = "flat"
_KINDS = {
    "models": ("model", "models"),
    "hosted": ("model", "api_offers"),
    "quantizations": ("quantization", "quantizations"),
    "hardware": ("hardware", "hardware"),
    "engines": ("engine", "engines"),
    "drafts": ("draft", "drafts"),
    "providers": ("provider", "offers"),
    "regions": ("region", "offers"),
    "owners": ("provider", "offers"),
    "homes": ("region", "offers"),
    "instances": ("instance", "offers"),
    "runs": ("engine or hardware", "engines"),
    "places": ("region or provider", "offers"),
    "servers": ("server", "servers"),
    "sites": ("site", "sites"),
    "profiles": ("profile", "profiles"),
    "histograms": ("length histogram", "lengths"),
    "benchmarks": ("benchmark", "quality"),
}
"""Word for a name of each kind, and the catalogue table that lists them."""


def own_nodes(supply: Supply) -> list[ExistingNodes | CapacityBlock]:
    """Return the nodes whose provider and region the problem itself names."""
    return [*supply.existing, *supply.capacity_blocks]


@kept_with_catalog
def _names_of(catalog: Catalog) -> dict[str, set[str]]:
    """Return the names in a catalogue by kind; many problems ask for those of the same one."""
    return {
        "models": {m.id for m in catalog.models},
        "hosted": {m.id for m in catalog.models} | {a.model for a in catalog.api_offers},
        "quantizations": {q.id for q in catalog.quantizations},
        "hardware": {a.id for a in catalog.accelerators}
        | {s.id for s in catalog.systems}
        | {o.accelerator for o in catalog.offers},
        "engines": {e.id for e in catalog.engines} | {VENDOR_ENGINE},
        "drafts": {d.id for d in catalog.drafts},
        "providers": {o.provider for o in catalog.offers}
        | {a.provider for a in catalog.api_offers},
        "regions": {o.region for o in catalog.offers} | {s.id for s in catalog.sites},
        "instances": {o.instance for o in catalog.offers},
        "servers": {s.id for s in catalog.servers},
        "sites": {s.id for s in catalog.sites} | {DEFAULT},
        "profiles": {p.profile for p in catalog.profiles} | {_FLAT},
        "histograms": {c.lengths for c in catalog.lengths},
        "benchmarks": {q.benchmark for q in catalog.quality},
    }


class Known:
    """Every name a problem may use, by kind."""

    def __init__(self, loaded: LoadedProblem, catalog: Catalog) -> None:
        own_names = {
            "models": {m.model for m in loaded.measured},
            "quantizations": {m.quantization for m in loaded.measured},
            "hardware": {m.hardware for m in loaded.measured},
            "engines": {m.engine for m in loaded.measured},
        }
        self._names: dict[str, set[str]] = {
            kind: names | own_names.get(kind, set()) for kind, names in _names_of(catalog).items()
        }
        self._names["runs"] = self._names["engines"] | self._names["hardware"]
        own = own_nodes(loaded.problem.supply)
        self._names["owners"] = self._names["providers"] | {nodes.provider for nodes in own}
        self._names["homes"] = self._names["regions"] | {nodes.region for nodes in own}
        self._names["places"] = self._names["regions"] | self._names["providers"]
        self._sold: dict[str, set[str]] = defaultdict(set)
        for offer in catalog.api_offers:
            self._sold[offer.provider].add(offer.model)
        self._resolve = catalog.resolve_accelerator

    def by_key(self, item: Named) -> Named:
        """Return an item with its hardware by the key of the catalogue."""
        name = item.hardware
        key = None if name is None else self._resolve(name) or name
        return item.model_copy(update={"hardware": key})

    def check(self, path: Path_, kind: str, name: str | None) -> Iterator[tuple[Path_, str]]:
        """Yield a finding when `name` is not known; ``None`` is no name."""
        names = self._names[kind]
        if name is None or name in names or (kind == "hardware" and self._resolve(name)):
            return
        word, table = _KINDS[kind]
        yield (
            path,
            f"no {word} `{name}` in the catalogue{nearest_names(name, names)} `planner catalog "
            f"list {table}` shows all; an overlay folder can add one",
        )

    def check_tokens(
        self, path: Path_, provider: str, model: str | None
    ) -> Iterator[tuple[Path_, str]]:
        """Yield a finding when nobody of that name sells tokens, or not of that model."""
        if provider not in self._sold:
            hint = nearest_names(provider, set(self._sold))
            message = f"no provider `{provider}` of tokens in the catalogue{hint}"
            yield (*path, "provider"), f"{message} `planner catalog list api_offers` shows all"
        elif model is not None and model not in self._sold[provider]:
            hint = nearest_names(model, self._sold[provider])
            message = f"{provider} sells no tokens of `{model}` in the catalogue{hint}"
            yield (*path, "model"), f"{message} `planner catalog list api_offers` shows all"
