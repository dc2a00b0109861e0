"""The performance model fitted to a user's own measured points.

``points`` reads the rows with their lines, ``usable`` sorts them into operating points of
combinations and everything that cannot be used (``reasons``) or contradicts physics
(``physics``). ``moves`` says what a fit may move, ``fit`` finds it, ``spread`` says how far it is
trusted, ``rows`` writes it as an overlay, ``calibrate`` is the whole in order, and ``text`` and
``records`` show it.

A combination is a model in a number format on an engine and an accelerator. Parallelism is no part
of it: how a replica is split is in the model, and a plan chooses it freely. Equal operating points
count once, as the geometric mean of their figures.
"""
