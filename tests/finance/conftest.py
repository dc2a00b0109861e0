"""Worlds of the audit and the real command, which finance tests use too."""

from __future__ import annotations

from tests.cli.conftest import planner
from tests.finance.budget import folder
from tests.verify.conftest import terms

__all__ = ["folder", "planner", "terms"]
