"""How prices are expected to move: a rate for all of a kind, or a path for what an item names.

A path holds for everything that fits all that it names. Of several that fit, the one with the
narrowest name counts: an offer before a server, an instance, a model, a hardware, a provider, a
region and a tenure; of two with the same narrowest name, the one whose next name is narrower. What
no path fits moves by the rate of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from planner.problem.mention import Mention
from planner.problem.names import repeated_names
from planner.problem.section import Month, Name, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.schema import Offer
    from planner.problem.schema import Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

YearlyChange = Annotated[float, Field(gt=-1, le=10)]
PricedTenure = Literal[
    "on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block", "owned", "api"
]

NAMES = ("offer", "server", "instance", "model", "hardware", "provider", "region", "tenure")
"""What a path may name, the narrowest first."""
SECTION: Path_ = ("supply", "price_paths")
"""Where the paths stand in a problem."""
_MOST_TIMES = 1e4
"""Most that a price may rise to within the horizon, as a multiple of what it is."""


class PriceChanges(Section):
    """Expected yearly change of list prices as fractions, from the start of the horizon on."""

    on_demand: YearlyChange = 0.0
    reserved: YearlyChange = 0.0
    owned: YearlyChange = 0.0
    """Of the purchase price of servers."""
    api: YearlyChange = 0.0


class PriceStep(Section):
    """A list price from a month on, as a multiple of what the catalogue says."""

    since: Month
    """First month with it; what is ordered in a period pays the price of its first month."""
    factor: Annotated[float, Field(gt=0, le=100)]


class PricePath(Section):
    """How the list prices of what it names move, instead of `price_change_per_year`.

    It holds for everything that fits all of its names. Of several paths that fit, the one with
    the narrowest name counts: an offer before a server, an instance, a model, a hardware, a
    provider, a region and a tenure.
    """

    name: Name
    offer: str | None = None
    """Identity of one offer of nodes or tokens, as plans show it (`offer_id`)."""
    server: str | None = None
    """Server of servers.csv that may be bought."""
    instance: str | None = None
    model: str | None = None
    """Model of tokens, provisioned units included."""
    hardware: str | None = None
    """Accelerator, in nodes of any tenure and in servers."""
    provider: str | None = None
    region: str | None = None
    tenure: (
        Literal[
            "on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block", "owned", "api"
        ]
        | None
    ) = None
    change_per_year: YearlyChange | None = None
    """Yearly change as a fraction, from the start of the horizon on: -0.3 is 30 % down a year."""
    steps: Annotated[list[PriceStep], Field(min_length=1)] | None = None
    """Factors on the list price from months on, in order of time, instead of a rate."""


@dataclass(frozen=True, slots=True)
class Priced:
    """Something with a list price, as paths name it.

    Parameters
    ----------
    tenure
        Tenure of a path; `api` for tokens and provisioned units.
    offer, server, instance, model, hardware, provider, region
        What it is; empty where it has no such name.
    """

    tenure: str
    offer: str = ""
    server: str = ""
    instance: str = ""
    model: str = ""
    hardware: str = ""
    provider: str = ""
    region: str = ""


def priced_offer(row: Offer) -> Priced:
    """Return an offer of nodes as paths name it."""
    return Priced(
        row.tenure,
        offer=row.offer_id,
        instance=row.instance,
        hardware=row.accelerator,
        provider=row.provider,
        region=row.region,
    )


def priced_tokens(offer: str, provider: str, model: str) -> Priced:
    """Return an offer of tokens, or provisioned units, as paths name them.

    Parameters
    ----------
    offer, provider, model
        Identity, seller and model.
    """
    return Priced("api", offer=offer, model=model, provider=provider)


def priced_server(server: str, hardware: str, site: str) -> Priced:
    """Return a server that may be bought, as paths name it.

    Parameters
    ----------
    server, hardware, site
        Its key in servers.csv, its accelerator, and where it would stand.
    """
    return Priced(
        "owned",
        offer=f"owned:{server}:{site}:owned",
        server=server,
        hardware=hardware,
        region=site,
    )


def fits(path: PricePath, priced: Priced) -> bool:
    """Return whether something is all that a path names."""
    return all(getattr(path, n) in {None, getattr(priced, n)} for n in NAMES)


def names_of(path: PricePath) -> dict[str, str]:
    """Return what a path names by field, the narrowest first."""
    return {n: str(getattr(path, n)) for n in NAMES if getattr(path, n) is not None}


def path_of(problem: Problem, priced: Priced) -> PricePath | None:
    """Return the path that the list price of something follows, ``None`` for that of its kind.

    Parameters
    ----------
    problem
        The problem, with hardware by its key in the catalogue.
    priced
        What has the price.
    """
    fitting = (path for path in problem.supply.price_paths if fits(path, priced))
    return max(
        fitting, key=lambda path: [getattr(path, n) is not None for n in NAMES], default=None
    )


def price_path_findings(problem: Problem) -> Iterator[Finding]:
    """Yield path and sentence of every contradiction inside the price paths of a problem.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    """
    paths = problem.supply.price_paths
    yield from repeated_names(paths, SECTION)
    yield from _rises(problem)
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    for index, path in enumerate(paths):
        here = (*SECTION, index)
        names = tuple(names_of(path).items())
        if not names:
            yield here, f"names nothing whose price moves; give one of {', '.join(NAMES)}"
        elif names in seen:
            other = (*SECTION, seen[names])
            yield here, Mention("is for the same as ", other, "; take one of the two out")
        seen.setdefault(names, index)
        if (path.change_per_year is None) == (path.steps is None):
            has = "both ways to move" if path.steps is not None else "no way to move"
            yield here, f"has {has}; give either `change_per_year` or `steps`"
        for k, (step, later) in enumerate(pairwise(path.steps or ())):
            if later.since <= step.since:
                message = (
                    f"{later.since} is not after the step before, {step.since}; give steps in "
                    "order of time"
                )
                yield (*here, "steps", k + 1, "since"), message


def _rises(problem: Problem) -> Iterator[Finding]:
    """Yield yearly rates under which prices leave what the program can hold beside others."""
    years = problem.horizon.periods * problem.horizon.months_per_period / 12
    kinds: Path_ = ("supply", "price_change_per_year")
    rates: list[tuple[Path_, float]] = [
        ((*kinds, kind), rate) for kind, rate in problem.supply.price_change_per_year
    ]
    rates += [
        ((*SECTION, index, "change_per_year"), path.change_per_year or 0.0)
        for index, path in enumerate(problem.supply.price_paths)
    ]
    for path, rate in rates:
        times = (1.0 + rate) ** years
        if times > _MOST_TIMES:
            most = _MOST_TIMES ** (1.0 / years) - 1.0
            message = (
                f"`{rate:g}` makes prices {times:.2g} times what they are in {years:g} years; "
                f"it must be at most {most:.3g} with this horizon"
            )
            yield path, message
