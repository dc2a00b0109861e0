"""A year replayed quarter by quarter: decide on forecasts, then live with what came.

With T periods, at the start of every period t

1. the price list of t and the demand of every period before t are known; later demand and prices
   are forecast (:mod:`planner.roll.world`);
2. a policy decides what is ordered now (:mod:`planner.roll.policies`); what was ordered before
   stays as it is, and keeps the price at which it was signed;
3. the demand of t is revealed: nodes by the hour, tokens and what stays unserved are chosen for it
   at actual prices, beside what is there (:mod:`planner.roll.replay`).

What a policy paid is the cost of that one course of decisions in the problem as it turned out, by
the arithmetic of any plan (:mod:`planner.roll.book`), so discounting, payments after the horizon
and the value that is left at its end follow the same rules for every policy.
"""
