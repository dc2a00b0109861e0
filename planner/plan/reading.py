"""Reads what a later run needs of a plan file: commitments, replicas, nodes and the grid."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planner.errors import Fault, InputError
from planner.plan.document import SCHEMA_VERSION
from planner.problem.section import Count, Month, Name, NonNegative
from planner.problem.supply import ExistingNodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEXT_STEP = "planner solve PROBLEM -o PLAN.json"
Position = Annotated[int, Field(ge=0)]


class _Row(BaseModel):
    """Part of a row of a plan file; other fields are not read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class CommitmentRow(_Row):
    """Nodes that the plan takes on, or that were there."""

    offer_id: str
    provider: Name
    region: str
    tenure: Literal["reserved_1y", "reserved_3y", "capacity_block", "owned"]
    hardware: str
    nodes: Count
    accelerators_per_node: Count
    is_existing: bool
    order_month: Month
    start_month: Month
    end_month: Month
    usd_per_month: NonNegative


class UseRow(_Row):
    """Use of a model by a workload in one block, in replicas or in tokens."""

    period: Position
    workload: str
    model: str
    rate_rps: NonNegative


class AllocationRow(UseRow):
    """Replicas of one option in one block."""

    block: Position
    pool: str
    option_id: str
    replicas: Count


class NodeRow(_Row):
    """Nodes of one offer in one block."""

    period: Position
    block: Position
    offer_id: str
    nodes: Position


class HorizonRow(_Row):
    """Grid of the plan."""

    start: Month
    periods: Count
    months_per_period: Count
    time_blocks: Count


class _Problem(_Row):
    name: str
    horizon: HorizonRow
    text: str = ""
    scenario: str | None = None
    set: list[str] = []


class _Served(_Row):
    workload: str
    model: str


class _Paid(_Row):
    model: str


class _Incumbent(_Row):
    carried: list[ExistingNodes] = []
    served: list[_Served] = []
    paid: list[_Paid] = []


class _Options(_Row):
    incumbent: _Incumbent | None = None


class SpendRow(_Row):
    """Spending that is promised for a term."""

    commitment_id: str
    start_month: Month
    end_month: Month
    usd_per_hour: NonNegative
    usd_per_month: NonNegative
    is_existing: bool
    discount: float | None = None


class UnitRow(_Row):
    """Units of token throughput that are taken on for a term."""

    units_id: str
    units: Count
    start_month: Month
    end_month: Month
    usd_per_unit_hour: NonNegative
    is_existing: bool = False


class PowerPriceRow(_Row):
    """What a dear hour costs the accelerators of bought nodes."""

    period: Position
    hardware: str
    accelerators: Count
    usd: NonNegative


class CostRow(_Row):
    """What is paid in a period."""

    category: str
    hardware: str
    tenure: str
    usd: float


class PlanFile(_Row):
    """What is read of a plan file."""

    status: str
    cost_usd: float | None
    problem: _Problem
    options: _Options
    commitments: list[CommitmentRow]
    allocations: list[AllocationRow]
    fleet: list[NodeRow]
    provisioned: list[UnitRow] = []
    spend_commitments: list[SpendRow] = []
    power_prices: list[PowerPriceRow] = []
    cost_lines: list[CostRow] = []
    api: list[UseRow] = []

    @property
    def horizon(self) -> HorizonRow:
        """Grid of the plan."""
        return self.problem.horizon

    @property
    def carried(self) -> list[ExistingNodes]:
        """Nodes that the plan itself had carried over from an earlier one."""
        return self.options.incumbent.carried if self.options.incumbent else []

    @property
    def used(self) -> list[UseRow]:
        """Every use of a model; replicas without requests are among them."""
        return [*self.allocations, *self.api]

    @property
    def served(self) -> frozenset[tuple[str, str]]:
        """Workloads and models that served them when the plan began, as far as it says so."""
        rows = self.options.incumbent.served if self.options.incumbent else []
        return frozenset((row.workload, row.model) for row in rows)

    @property
    def paid_models(self) -> set[str]:
        """Models whose one-off cost was paid before the plan began."""
        rows = self.options.incumbent.paid if self.options.incumbent else []
        return {row.model for row in rows}


def read_plan_file(path: Path) -> tuple[PlanFile, str]:
    """Return what a plan file holds, and the SHA-256 of its bytes.

    Parameters
    ----------
    path
        A file that ``planner solve -o`` wrote.

    Raises
    ------
    InputError
        When the file cannot be read, is no plan, has another schema, holds no plan, or with every
        row that is not understood.
    """
    content, data = plan_content(path)
    version = content.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        message = f"a plan of schema {version!r}; this version reads schema {SCHEMA_VERSION}"
        raise _refused(path, message, "schema_version")
    try:
        plan = PlanFile.model_validate(content)
    except ValidationError as error:
        raise InputError(list(faults_of(path, error)), NEXT_STEP) from error
    if plan.cost_usd is None:
        raise _refused(path, f"holds no plan to begin from: its status is {plan.status}", "status")
    return plan, hashlib.sha256(data).hexdigest()


def plan_content(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the fields of a plan file, and its bytes.

    Raises
    ------
    InputError
        When the file cannot be read or is no plan.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _refused(path, f"cannot be read: {reason}") from error
    content = _parsed(path, data)
    if "schema_version" not in content or "allocations" not in content:
        raise _refused(path, "is not a plan file: it has no schema_version or no allocations")
    return content, data


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"is not a plan file: byte {error.start + 1:,} is not UTF-8 text"
        raise _refused(path, message) from error
    except json.JSONDecodeError as error:
        fault = Fault(str(path), error.lineno, error.colno, "", f"is not JSON: {error.msg}")
        raise InputError([fault], NEXT_STEP) from error
    except (RecursionError, ValueError) as error:
        raise _refused(path, "is not a plan file: JSON that no plan has") from error
    if not isinstance(content, dict):
        raise _refused(path, "is not a plan file: its content is not an object")
    return content


def _refused(path: Path, message: str, place: str = "") -> InputError:
    return InputError([Fault(str(path), None, None, place, message)], NEXT_STEP)


def faults_of(path: Path, error: ValidationError) -> Iterator[Fault]:
    """Yield every field of a plan file that is not what it has to be."""
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        value = "" if item["type"] == "missing" else f", not {_shown(item['input'])}"
        message = f"{item['msg'][:1].lower()}{item['msg'][1:]}{value}"
        yield Fault(str(path), None, None, place, message)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits a line
