"""The replay: requests one by one through the replicas of a plan.

A discrete-event simulation of continuous batching. Step times are those of the performance model
at the batch that is there; no formula for queues or percentiles is used, so that the replay judges
those that the plan was made with.
"""
