"""Inputs that several claims vary, with where their ends come from."""

from __future__ import annotations

from planner.catalog.scale import Selection
from planner.claims.records import Change
from planner.claims.study import Input


def confidence() -> Input:
    """Return the spread of the coefficients: their median, and what holds in 95 % of cases."""
    return Input(
        "confidence in the performance model",
        Change("0.5", ("policy.confidence=0.5",)),
        Change("0.95", ("policy.confidence=0.95",)),
    )


def peak_factor(workload: str) -> Input:
    """Return the peak inside the hour: 1.2 and 2.0 span what live traffic shows over minutes."""
    path = f"workloads.{workload}.arrival.peak_factor_in_hour"
    return Input(
        f"peak factor inside the hour of {workload}",
        Change("1.2", (f"{path}=1.2",)),
        Change("2.0", (f"{path}=2.0",)),
    )


def profile(workload: str) -> Input:
    """Return the shape of the day: a service of programs (flat), and one of people (DeepSeek)."""
    path = f"workloads.{workload}.arrival.profile"
    return Input(
        f"daily profile of {workload}",
        Change("programs (ServeGen m-large)", (f"{path}=servegen_m_large_total_hod",)),
        Change("night peak (ServeGen R1)", (f"{path}=servegen_deepseek_r1_total_hod",)),
    )


def price_of(accelerator: str, low: float, high: float) -> Input:
    """Return the rent of one accelerator, times two factors."""
    selection = Selection("offers", (f"accelerator={accelerator}",), "price_usd_per_hour")
    return Input(
        f"rent of {accelerator}",
        Change(f"x{low:g}", factors=((selection, low),)),
        Change(f"x{high:g}", factors=((selection, high),)),
    )


def price_of_tenure(tenure: str, low: float, high: float) -> Input:
    """Return all rents of one tenure, times two factors."""
    selection = Selection("offers", (f"tenure={tenure}",), "price_usd_per_hour")
    return Input(
        f"{tenure} rent",
        Change(f"x{low:g}", factors=((selection, low),)),
        Change(f"x{high:g}", factors=((selection, high),)),
    )


def requests_per_day(workload: str, requests: float) -> Change:
    """Return another volume of a workload."""
    path = f"workloads.{workload}.arrival.requests_per_day"
    return Change(f"{requests:,.0f}", (f"{path}={requests:.0f}",))
