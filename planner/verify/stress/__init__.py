"""Stress: how a plan degrades when the world is not as it assumes.

Every stress replays the blocks of a plan with the same random numbers as before and one thing
changed. What is missed then breaks no promise, unless the plan promises to survive that very loss.
"""
