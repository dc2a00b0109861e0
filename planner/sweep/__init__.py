"""Sweeps: many runs of one problem with other values, in parallel, resumable, and what they say.

``assignments`` reads what is swept, ``design`` chooses the runs, ``tasks`` checks them all before
the first is solved, ``work`` solves one, ``processes`` and ``cluster`` solve many, ``run`` is the
whole, ``tables`` and ``text`` say what came out.
"""
