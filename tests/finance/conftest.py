"""Worlds of the audit that finance tests use too."""

from __future__ import annotations

from tests.verify.conftest import terms

__all__ = ["terms"]
