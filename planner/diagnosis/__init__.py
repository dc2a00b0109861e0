"""Why there is no plan, in a sentence for each reason.

Some workload has no option (:mod:`planner.diagnosis.before`), or the limits of the program leave
none together (:mod:`planner.diagnosis.program`).
"""

from __future__ import annotations

from planner.diagnosis.before import impossible_limits as impossible_limits
from planner.diagnosis.before import unservable as unservable
from planner.diagnosis.program import Source as Source
from planner.diagnosis.program import diagnose_program as diagnose_program
