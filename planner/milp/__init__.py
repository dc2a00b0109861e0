"""The mixed-integer program: from options and demand to whole decisions with a proof."""

from __future__ import annotations

from planner.milp.capped import solve_within_caps as solve_within_caps
from planner.milp.check import verify_decisions as verify_decisions
from planner.milp.costs import decisions_usd as decisions_usd
from planner.milp.export import write_lp as write_lp
from planner.milp.export import write_mps as write_mps
from planner.milp.families import build_program as build_program
from planner.milp.model import Program as Program
from planner.milp.policy import program_limits as program_limits
from planner.milp.records import ApiLimit as ApiLimit
from planner.milp.records import BudgetLimit as BudgetLimit
from planner.milp.records import Limits as Limits
from planner.milp.records import MilpResult as MilpResult
from planner.milp.records import Quota as Quota
from planner.milp.records import ShadowPrice as ShadowPrice
from planner.milp.records import SolverSettings as SolverSettings
from planner.milp.solver import solve_program as solve_program
from planner.options.average_floors import AverageFloor as AverageFloor
from planner.plan.records import relative_gap as relative_gap
