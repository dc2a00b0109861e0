"""Plans that keep their promises in the replay."""

from planner.verified.loop import solve_verified as solve_verified
from planner.verified.records import LoopSettings as LoopSettings
from planner.verified.records import Verified as Verified
