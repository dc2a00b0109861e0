"""What a plan hangs on: what limits cost, and which other plans cost almost as little.

Everything is solved again as the same integer program; nothing here is a formula about it.
"""

from __future__ import annotations

from planner.sensitivity.explain import explain_plan as explain_plan
from planner.sensitivity.records import Changed as Changed
from planner.sensitivity.records import Sensitivity as Sensitivity
