"""How close a source is to the origin of its figures."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from planner.catalog.schema.row import Row


class Source(Row):
    """What stands behind the `source` cells that begin with `id`; the longest match counts."""

    listed_only: ClassVar[tuple[str, ...]] = ()
    id: Annotated[str, Field(min_length=1)]
    """Beginning of a `source` cell. The first source of a cell supplies its main figure."""
    publisher: str
    kind: Literal["primary", "archive", "secondary", "derived"]
    """`primary`: whoever made, sells or measured it; `archive`: a dated copy of a primary page or
    price interface; `secondary`: resellers, press, collections; `derived`: from other rows."""
    licence: str = ""
    url: str = ""
