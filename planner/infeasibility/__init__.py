"""Why a problem has no plan, and the smallest changes with which it has one.

Causes are found before the program (:mod:`planner.infeasibility.refused`: no option meets a
workload's limits) or in it (:mod:`planner.infeasibility.levers`: limits leave no plan). Every fix
is applied to the problem and solved again before it is called confirmed.
"""

from __future__ import annotations

from planner.infeasibility.records import Cause as Cause
from planner.infeasibility.records import Explanation as Explanation
from planner.infeasibility.records import Fix as Fix
from planner.infeasibility.search import explain_infeasible as explain_infeasible
from planner.infeasibility.search import explain_prepared as explain_prepared
