"""Tasks of lm-evaluation-harness that are read, and the metric of each that counts."""

from __future__ import annotations

_ACC, _EXACT = ("acc",), ("exact_match",)
_GSM = ("exact_match,strict-match", "exact_match,flexible-extract", "exact_match", "acc")
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "aime24": ("aime_2024", _EXACT),
    "aime25": ("aime_2025", _EXACT),
    "arc_challenge": ("arc_c", ("acc_norm",)),
    "bbh_cot_fewshot": ("bbh", ("exact_match,get-answer",)),
    "ceval-valid": ("c_eval", _ACC),
    "gpqa_diamond_cot_zeroshot": ("gpqa_diamond", ("exact_match,flexible-extract",)),
    "gpqa_diamond_zeroshot": ("gpqa_diamond", _ACC),
    "gpqa_main_zeroshot": ("gpqa", _ACC),
    "gsm8k": ("gsm8k", _GSM),
    "gsm8k_cot": ("gsm8k", _GSM),
    "gsm8k_cot_llama": ("gsm8k", _GSM),
    "gsm8k_platinum": ("gsm8k_platinum", _GSM),
    "hellaswag": ("hellaswag", ("acc_norm",)),
    "hendrycks_math": ("math", _EXACT),
    "hendrycks_math500": ("math_500", _EXACT),
    "humaneval": ("humaneval", ("pass@1",)),
    "humaneval_instruct": ("humaneval", ("pass@1",)),
    "ifeval": ("ifeval", ("prompt_level_strict_acc",)),
    "leaderboard_ifeval": ("ifeval", ("prompt_level_strict_acc",)),
    "leaderboard_mmlu_pro": ("mmlu_pro", _ACC),
    "minerva_math": ("math", ("math_verify", "exact_match")),
    "minerva_math500": ("math_500", ("math_verify", "exact_match")),
    "mmlu": ("mmlu", _ACC),
    "mmlu_pro": ("mmlu_pro", ("exact_match,custom-extract",)),
    "mmlu_redux": ("mmlu_redux", _EXACT),
    "truthfulqa_mc2": ("truthfulqa", _ACC),
    "winogrande": ("winogrande", _ACC),
}
"""Task to our benchmark and the metrics that count; a metric without filter takes any filter."""
