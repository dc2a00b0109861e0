"""Measured rows from the result files of benchmark tools that users already have.

``vllm``, ``guidellm`` and ``aiperf`` read the JSON of the tool of that name (``aiperf`` that of
GenAI-Perf too) into rows of :class:`~planner.catalog.schema.measurements.Measurement`. A source is
one file or a folder with ``*.json`` at any depth; a file may hold several runs.

The files state how requests came and how long they took, hardly ever on what. The rest is said
with ``--option``; ``setup`` has the keys. A run without accelerator or model is rejected.

Metrics mean the same whatever the tool calls them:

=================  ===========================================================================
``ttft_ms``        from sending a request to its first token
``tpot_ms``        (E2E - TTFT) / (output tokens - 1) of a request
``itl_ms``         one gap between two chunks of a stream, over all gaps of all requests
``e2e_latency_ms`` from sending a request to its last token
=================  ===========================================================================

Only requests that succeeded count in any of them. A run in which fewer than nine of ten did, or
that contradicts itself, is rejected; what makes a run a poor one stands in its notes.
"""

from __future__ import annotations
