"""Responses of range queries, and the series in them."""

from __future__ import annotations

import json

STEP_S = 60


def series(metric, values, start_s=0, step_s=STEP_S, **labels):
    pairs = [[start_s + step_s * i, str(v)] for i, v in enumerate(values)]
    return {"metric": {"__name__": metric, **labels}, "values": pairs}


def response(*results):
    body = {"resultType": "matrix", "result": list(results)}
    return json.dumps({"status": "success", "data": body})


def requests(values, **labels):
    return series("vllm:request_success_total", values, **labels)


def tokens(requests_n, isl_mean, osl_mean):
    return (
        series("vllm:prompt_tokens_total", [0, requests_n * isl_mean]),
        series("vllm:generation_tokens_total", [0, requests_n * osl_mean]),
    )


def buckets(metric, counts):
    return [series(metric, [0, count], le=le) for le, count in counts.items()]
