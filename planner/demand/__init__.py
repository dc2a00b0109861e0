"""Demand on a time grid: rates by block and period, and length distributions."""
