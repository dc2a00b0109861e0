"""Section of a problem about people: what hosting needs beside machines and tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import People, Section

UsdPerPersonYear = Annotated[float, Field(ge=0, le=1e7)]


class NodeStaff(Section):
    """People that nodes of a kind need, full-time equivalents."""

    fte: People | None = None
    """In every period in which there is any such node, however many; absent: that of the site."""
    fte_per_node: People | None = None
    """For every node that is there, on average over the hours of a period; absent: that of the
    site for owned nodes, 0 for rented ones."""


class ApiStaff(Section):
    """People that tokens of providers need, full-time equivalents."""

    fte: People | None = None
    """In every period in which tokens serve any request; absent: that of the site."""
    fte_per_offer: People = 0.0
    """For every offer of tokens that serves a request in a period, provisioned units included."""


class Staff(Section):
    """People by kind of hosting; a kind that is not stated has those of the site."""

    usd_per_fte_year: UsdPerPersonYear | None = None
    """Cost of a person; absent: that of the site."""
    owned: NodeStaff | None = None
    """Of bought servers and, once stated, of owned nodes that are there already."""
    rented: NodeStaff | None = None
    """Of nodes on demand, on spot, reserved and in capacity blocks, those that are there too."""
    api: ApiStaff | None = None
    """Of tokens."""
