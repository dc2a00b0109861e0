"""Why a row cannot be used to calibrate, each with the way out.

The words are those of :mod:`planner.evaluate.compare` where the reason is the same.
"""

from __future__ import annotations

WAYS_OUT = {
    "unknown_model": "no model has this name: `planner catalog list models`; add yours to "
    "models.csv of an overlay (`planner catalog import huggingface`)",
    "unknown_accelerator": "no accelerator has this name: `planner catalog list hardware`; add "
    "yours to accelerators.csv or its name to aliases.csv of an overlay",
    "unknown_precision": "no number format has this name: `planner catalog list quantizations`",
    "unknown_engine": "no engine has this name: `planner catalog list engines`",
    "weights_only": "8-bit weights that multiply in 16 bits are no format of a plan",
    "engine": "this program serves one caller at a time; measure with a serving engine",
    "parallelism": "accelerators, heads or experts do not divide as stated; correct n_gpus and tp",
    "gpus_unstated": "state n_gpus and tp, the accelerators of the instance and of one replica "
    "(`planner catalog import ... --option tensor_parallel=N`)",
    "precision_unstated": "state weight_precision, the number format of the weights (`planner "
    "catalog import ... --option quantization=ID`)",
    "no_interconnect": "no link between these accelerators is known: add a row to "
    "interconnects.csv of an overlay",
    "no_rate": "the 16-bit rate of the accelerator is unknown: complete its row in "
    "accelerators.csv of an overlay",
    "does_not_fit": "by the model this does not fit the share of memory that the engine uses: "
    "state what was set in engines.csv of an overlay (memory_fraction)",
    "speculative": "decoding with drafts is not modelled; measure without",
    "disaggregated": "two kinds of instances stand behind a figure of prompts and decodes apart; "
    "measure one replica that does both",
    "percentile": "only means and medians are modelled under a fixed number of clients; keep "
    "them in the report of the benchmark",
    "open_loop": "latencies at a request rate hold too much queueing; measure with a fixed number "
    "of clients (concurrency=N)",
    "load": "state the load as concurrency=N, batch=N or max_load, with figures that belong to it",
    "metric": "not a figure that is predicted: time per output token, time to first token or "
    "output tokens/s",
    "bad_value": "the cell is blank",
    "suspect": "the notes mark the figure as impossible (SUSPECT)",
    "pipeline": "pipeline parallelism is not modelled; measure with pp 1",
    "gpus": "more than 8 accelerators in one instance are not modelled",
    "overloaded": "the time to first token is 50 times the whole output: queueing from before the "
    "measurement; lower the load",
    "blank_lengths": "state isl and osl, the prompt and output tokens of a request",
    "unstable": "the model has no finite figure for these lengths and this load",
    "implausible": "5 times slower or faster than predicted: no calibration but a mistake in "
    "model, accelerator, number format, unit or load",
    "same_run": "another figure of the same run contradicts physics",
    "no_pace": "a time to first token alone says nothing about decoding: add the time per output "
    "token or output tokens/s of the run",
    "one_point": "one operating point cannot tell fixed from variable times: measure another "
    "number of clients",
    "slash": "a name with a slash cannot be part of a combination; rename it in your overlay",
}
"""What to do about each reason."""
