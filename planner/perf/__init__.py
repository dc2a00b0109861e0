"""Performance of one replica: numbers in, numbers out.

Shape of a model, device and engine (``arch``, ``attention``, ``spec``) give the time of an
engine step (``work``, ``step``, and ``speculation`` where tokens are drafted) and the room for
the KV cache (``memory``). Traffic (``traffic``) and the state of a replica under open arrivals
(``open_loop``), waits (``waiting``) and token gaps (``tpot``, ``itl``) give latencies
(``latency``), of which some are limited (``limit_values``); ``rate`` finds the highest rate that
keeps them within their limits (by ``search``).
Instances that compute prompts hand over (``handover``) to those that only decode
(``decode_only``); ``disaggregated`` finds the highest rate of such a unit, ``disaggregated_loop``
its means under a number of clients. A fixed number of clients, full load and static batches, as
benchmarks run them, are in ``closed_loop`` and ``static_batch``; systems that no roofline
describes feed the same queueing from measured points (``measured_system``). What devices draw is
in ``activity`` and ``power``; how far a prediction is trusted is in ``uncertainty``. Nothing here
knows files, money or catalogues.
"""
