"""Measured configurations as replicas of the catalogue, or the reason why not.

Tensor parallelism that is not stated spans all accelerators (shared with attention data
parallelism where the notes state that). What is left over are independent replicas, among which
requests are spread evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from planner.catalog.calibration import EVERYTHING, parameter
from planner.evaluate.engines import OTHER_ENGINE, engine_of
from planner.evaluate.formats import compute_type, format_of
from planner.evaluate.runs import UNIT_SIDES, whole
from planner.evaluate.settings import Settings, settings_of
from planner.options.candidates import Candidate
from planner.options.specs import (
    coefficients,
    handover_parameters,
    power_parameters,
    replica_spec,
)
from planner.perf.closed_loop import LoopParameters

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Engine, Model, Quantization
    from planner.evaluate.names import Names
    from planner.evaluate.runs import Run
    from planner.options.specs import Coefficients
    from planner.perf.handover import HandoverParameters
    from planner.perf.power import PowerParameters
    from planner.perf.spec import ReplicaSpec

_SPECULATIVE = ("spec_decoding", "speculative", "speculative_decoding", "mtp", "draft_model")
_LOOP = {f.name: "queue" if f.name == "q" else f.name for f in fields(LoopParameters)}
"""Parameters of closed loops, and their names in calibration.csv."""
_NO = frozenset({"", "0", "no", "none", "off", "false"})


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A replica to predict.

    Parameters
    ----------
    spec
        The replica.
    replicas
        How many of them share the load.
    trust
        How far the model is trusted for it.
    loop
        Its parameters of closed loops.
    is_serving
        Whether an engine that serves ran it; otherwise only its memory is comparable.
    power
        Parameters of the power of one accelerator.
    tdp_w
        Rated power of one accelerator, watts; ``None`` when unknown.
    handover
        What it takes to hand a request over to another of its kind.
    """

    spec: ReplicaSpec
    replicas: int
    trust: Coefficients
    loop: LoopParameters
    is_serving: bool
    power: PowerParameters
    tdp_w: float | None
    handover: HandoverParameters


@dataclass(frozen=True, slots=True, eq=False)
class UnitCase:
    """A unit of prefill and decode instances to predict; `replicas` of each side are instances."""

    prefill: Case
    decode: Case

    @property
    def trust(self) -> Coefficients:
        """How far the model is trusted for it."""
        return self.decode.trust

    @property
    def is_serving(self) -> bool:
        """Whether an engine that serves ran it."""
        return self.decode.is_serving


@dataclass(frozen=True, slots=True)
class _Split:
    """Degrees of parallelism of one replica, and the number of replicas."""

    tensor: int
    data: int
    expert: int
    replicas: int

    @property
    def devices(self) -> int:
        """Accelerators of one replica."""
        return self.tensor * self.data


class CaseBuilder:
    """Builds the replica of every run; equal ones share one case."""

    def __init__(self, catalog: Catalog, names: Names) -> None:
        self.catalog = catalog
        self.names = names
        self._cases: dict[tuple[object, ...], Case | str] = {}

    def model(self, run: Run) -> Model | None:
        """Return the model of a run, ``None`` when it is unknown."""
        return self.names.model(run.row.model, run.notes.get("checkpoint", ""))

    def accelerator(self, run: Run) -> Accelerator | None:
        """Return the accelerator of a run, ``None`` when it is unknown."""
        return self.names.accelerator(run.row.gpu)

    def of(self, run: Run) -> Case | UnitCase | str:
        """Return the replica or the unit of a run, or a word for why it has none."""
        return self._unit(run) if run.is_disaggregated else self.case(run)

    def _unit(self, run: Run) -> UnitCase | str:
        splits = [_side_split(run, name) for name in UNIT_SIDES]
        sides = [self._instance(run, split) for split in splits]
        why_not = next((side for side in sides if isinstance(side, str)), None)
        if why_not is not None:
            return why_not
        if any(run.side(name, "num_workers") is None for name in UNIT_SIDES):
            return "workers"
        prefill, decode = (side for side in sides if isinstance(side, Case))
        linked = decode.spec.device.link_bytes_per_s is not None
        return UnitCase(prefill, decode) if linked else "no_interconnect"

    def case(self, run: Run) -> Case | str:
        """Return the replica of a run, or a word for why it has none."""
        split = _split(run)
        if split is not None and self._settings(run).is_untied:
            split = replace(split, tensor=1, expert=split.data)
        return self._instance(run, split)

    def _instance(self, run: Run, split: _Split | None) -> Case | str:
        model, device = self.model(run), self.accelerator(run)
        if model is None:
            return "unknown_model"
        if device is None:
            return "unknown_accelerator"
        if any(run.notes.get(key, "").lower() not in _NO for key in _SPECULATIVE):
            return "speculative"
        found = format_of(run, model, self.catalog)
        if found is None:
            return "unknown_precision"
        if split is None or model.heads % split.tensor or split.devices % split.expert:
            return "parallelism"
        engine = engine_of(run.row.engine)
        settings = self._settings(run)
        quantization, narrow = found
        key = (model.id, quantization, narrow, engine, device.id, split, settings)
        if key not in self._cases:
            case = self._build(model, device, found, engine, split)
            self._cases[key] = case if isinstance(case, str) else _started(case, settings)
        return self._cases[key]

    def _build(
        self,
        model: Model,
        device: Accelerator,
        found: tuple[Quantization, bool],
        engine: str | None,
        split: _Split,
    ) -> Case | str:
        quantization, narrow = found
        if quantization.id == "bf16" and device.peak_flops("bf16") is None:
            quantization = self.catalog.quantization("fp16") or quantization
        row = self._engine(engine or OTHER_ENGINE)
        compute = compute_type(quantization, narrow, row.id, device, self.catalog)
        if compute is None:
            return "no_rate"
        candidate = Candidate(model, quantization, row, device, split.tensor, compute)
        try:
            spec = replace(
                replica_spec(candidate, self.catalog, row.chunk_tokens),
                data_parallel=split.data,
                expert_parallel=split.expert,
            )
        except ValueError:
            return "no_interconnect"
        trust, loop = self._trust(candidate), self._loop(candidate)
        return Case(
            spec=spec,
            replicas=split.replicas,
            trust=trust,
            loop=loop,
            is_serving=engine is not None,
            power=power_parameters(candidate, self.catalog),
            tdp_w=device.tdp_w,
            handover=handover_parameters(candidate, self.catalog),
        )

    def _settings(self, run: Run) -> Settings:
        model = self.model(run)
        return settings_of(run, engine_of(run.row.engine), "" if model is None else model.id)

    def _trust(self, candidate: Candidate) -> Coefficients:
        """Return how far a replica is trusted; engines without a row as little as new hardware."""
        trust = coefficients(candidate, self.catalog)
        worst = self.catalog.calibration_row("sigma_ln_time", "default", EVERYTHING)
        if candidate.engine.id != OTHER_ENGINE or worst is None:
            return trust
        return replace(trust, sigma_ln_time=max(trust.sigma_ln_time, worst.value))

    def _loop(self, candidate: Candidate) -> LoopParameters:
        stated = {row.parameter for row in self.catalog.calibration}
        return LoopParameters(
            **{
                field: parameter(
                    self.catalog,
                    name,
                    accelerator=candidate.accelerator.id,
                    engine=candidate.engine.id,
                    quantization=candidate.quantization.id,
                ).value
                for field, name in _LOOP.items()
                if name in stated
            }
        )

    def _engine(self, engine: str) -> Engine:
        row = self.catalog.engine(engine)
        if row is not None:
            return row
        first = self.catalog.engine("vllm") or self.catalog.engines[0]
        return first.model_copy(update={"id": OTHER_ENGINE, "name": engine})


def _started(case: Case, settings: Settings) -> Case:
    """Return a replica with the settings that its run was started with."""
    spec, loop = case.spec, case.loop
    if settings.chunk_tokens is not None:
        engine = replace(spec.engine, chunk_tokens=settings.chunk_tokens)
        spec = replace(spec, engine=engine)
    if settings.poll_steps is not None:
        loop = replace(loop, poll=settings.poll_steps)
    if settings.is_balanced:
        loop = replace(loop, idle=0.0)
    return replace(case, spec=spec, loop=loop)


def _split(run: Run) -> _Split | None:
    data = _noted(run, "attention_dp")
    if run.gpus is None:
        return None
    tensor = run.tensor_parallel or max(run.gpus // data, 1)
    replicas, rest = divmod(run.gpus, tensor * data)
    if rest or not replicas:
        return None
    return _Split(tensor, data, _noted(run, "moe_ep"), replicas)


def _side_split(run: Run, name: str) -> _Split | None:
    """Return the degrees of the instances on one side of a disaggregated run."""
    tensor = run.side(name, "tp_size")
    if tensor is None:
        return None
    data, expert = (run.side(name, key) or 1 for key in ("attention_dp_size", "moe_ep_size"))
    return _Split(tensor, data, expert, run.side(name, "num_workers") or 1)


def _noted(run: Run, key: str) -> int:
    return whole(run.notes.get(key, "")) or 1
