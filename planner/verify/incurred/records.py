"""What a replay costs, line by line, and who bears it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the plan and in the replay, undiscounted USD.

    Parameters
    ----------
    plan_usd
        What the cost lines of the plan say.
    usd
        What is incurred in the replay, in the mean over seeds.
    low_usd, high_usd
        Ends of its 95 % confidence interval over seeds; ``None`` with one seed.
    """

    plan_usd: float
    usd: float
    low_usd: float | None
    high_usd: float | None

    @property
    def more_usd(self) -> float:
        """What the replay costs more than the plan says; negative for less."""
        return self.usd - self.plan_usd


@dataclass(frozen=True, slots=True)
class IncurredLine:
    """A cost line of the plan, as incurred; the columns are those of the plan's cost lines."""

    period: int
    category: str
    workload: str
    hardware: str
    tenure: str
    money: Money


@dataclass(frozen=True, slots=True)
class PartIncurred:
    """What a workload bears of one category of cost lines over the horizon."""

    category: str
    money: Money


@dataclass(frozen=True, slots=True)
class WorkloadIncurred:
    """What a workload bears over the horizon, shared cost included.

    Parameters
    ----------
    workload
        Its name.
    money
        All its lines.
    requests
        Requests of it over the horizon at the mean rates of the replay.
    parts
        Its lines by category; they add up to all of them.
    """

    workload: str
    money: Money
    requests: float
    parts: tuple[PartIncurred, ...]

    @property
    def usd_per_request(self) -> float | None:
        """Cost incurred over requests; ``None`` without any."""
        return self.money.usd / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class SpotIncurred:
    """Spot nodes of an offer in a period that are taken away, in the mean over seeds.

    Parameters
    ----------
    offer_id, period
        Which.
    interruptions
        Nodes taken away.
    node_hours
        Node-hours that are paid, those of successors while they start included.
    lost_node_hours
        Node-hours of these in which successors start and serve nobody.
    lost_usd
        What those cost.
    """

    offer_id: str
    period: int
    interruptions: float
    node_hours: float
    lost_node_hours: float
    lost_usd: float


@dataclass(frozen=True, slots=True)
class UnitsIncurred:
    """Provisioned units in a period, minute by minute, in the mean over seeds.

    Parameters
    ----------
    units_id, period
        Which.
    units
        How many.
    sent_mtok
        Counted tokens sent to them in the period, millions.
    spilled_share
        Share of these that come when the units are full.
    most_spilled_share
        The same in the block where it is most.
    spilled_usd
        What is paid for those by use.
    """

    units_id: str
    period: int
    units: int
    sent_mtok: float
    spilled_share: float
    most_spilled_share: float
    spilled_usd: float


@dataclass(frozen=True, slots=True)
class Incurred:
    """What a replayed plan costs over its horizon, undiscounted.

    Parameters
    ----------
    money
        All of it.
    workloads
        By workload, in the order of the problem; they add up to all.
    lines
        By period, category, workload, hardware and tenure; they add up to all.
    spot
        Spot nodes that are taken away.
    notes
        What stands as the plan has it because it is not known better, in words.
    units
        Provisioned units, and what they do not take.
    """

    money: Money
    workloads: tuple[WorkloadIncurred, ...]
    lines: tuple[IncurredLine, ...]
    spot: tuple[SpotIncurred, ...] = ()
    notes: tuple[str, ...] = ()
    units: tuple[UnitsIncurred, ...] = ()
