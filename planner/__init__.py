"""Decides how to serve AI inference at the least cost, and proves it."""

from __future__ import annotations

__version__ = "0.1.0"
