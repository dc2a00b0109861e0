"""One source of every format that its reader can use, with something of everything it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

QWEN = "Qwen/Qwen3-32B"
CONFIG = {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "shared_expert_intermediate_size": 100,
    "mlp_only_layers": [0],
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
    "quantization_config": {"quant_method": "fp8"},
    "vision_config": {"hidden_size": 1},
    "_name_or_path": "acme/Model",
}
TIERED = {"base": 0.6, "tiers": [{"start": 128_000, "price": 1.2}]}
BATCH = {"processing": "batch"}
GENAI = [
    {
        "id": "acme",
        "models": [
            {
                "id": QWEN,
                "prices": [
                    {"prices": {"input_mtok": TIERED, "output_mtok": 2, "cache_read_mtok": 0.3}},
                    {
                        "constraint": {"start_date": "2026-09-01"},
                        "prices": {"input_mtok": 0.8, "output_mtok": 3, "cache_write_mtok": 1},
                    },
                    {
                        "constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"},
                        "prices": {"input_mtok": 0.4, "output_mtok": 1},
                    },
                ],
                "price_variants": [
                    {"when": BATCH, "prices": {"input_mtok": 0.3, "output_mtok": 1}},
                    {"when": {"speed": "fast"}, "prices": {"input_mtok": 9}},
                ],
            }
        ],
    }
]
COST = {
    "input": 0.6,
    "output": 2,
    "cache_read": 0.3,
    "cache_write": 1,
    "tiers": [{"tier": {"type": "context", "size": 200_000}, "input": 1.2, "output": 4}],
}
MODELS_DEV = {"acme": {"models": {"mine": {"base_model": QWEN, "cost": COST, "status": "beta"}}}}
LITELLM = {
    f"acme/{QWEN}": {
        "litellm_provider": "acme",
        "mode": "chat",
        "input_cost_per_token": 6e-07,
        "output_cost_per_token": 2e-06,
        "cache_read_input_token_cost": 3e-07,
        "input_cost_per_token_batches": 3e-07,
        "output_cost_per_token_batches": 1e-06,
        "input_cost_per_token_above_128k_tokens": 1.2e-06,
        "deprecation_date": "2027-01-01",
        "source": "https://example.org",
        "off_peak_pricing": {"hours_utc": "00:00-01:00"},
    },
    f"b/{QWEN}": {
        "litellm_provider": "b",
        "mode": "chat",
        "tiered_pricing": [
            {"range": [0, 32_000], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
            {"range": [32_000, 64_000], "input_cost_per_token": 2e-06},
        ],
    },
}
LM_EVAL = {
    "results": {
        "mmlu": {"acc,none": 0.7, "acc_stderr,none": 0.01},
        "gsm8k": {"exact_match,strict-match": 0.8, "sample_len": 10},
        "mmlu_stem": {"acc,none": 0.6},
    },
    "n-shot": {"mmlu": 5},
    "n-samples": {"mmlu_stem": {"original": 100, "effective": 90}},
    "group_subtasks": {"mmlu": ["mmlu_stem"]},
    "config": {"model_args": "pretrained=Qwen/Qwen3-32B"},
    "date": 1_767_225_600.5,
    "lm_eval_version": "0.4.9",
}
VMS = """\
InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,\
AvailabilityZone,GpuInfo
p5.48xlarge,H100,8,192,2048,55.04,30.5,us-east-1,us-east-1a,"{'Gpus': [{'Name': 'H100'}]}"
p5.48xlarge,H100,8,192,2048,55.04,17.25,us-east-1,us-east-1b,
a3-highgpu-8g,,,208,1872,9.46,3.68,us-east4,us-east4-a,
,H100,8,,,78.37,30.48,us-east4,us-east4-a,
,tpu-v5p-8,1,,,21.6,700.0,us,us-a,tpu-v5p-8
cpu-4,,0,4,16,0.2,,us,a,
"""
TOML = """\
base_model = "Qwen/Qwen3-32B"
[cost]
input = 0.6
output = 2
cache_read = 0.3
[[cost.tiers]]
tier = { type = "context", size = 200_000 }
input = 1.2
"""


@dataclass(frozen=True)
class Sample:
    """A source that its reader can use: name of the file, and its content."""

    form: str
    file: str
    content: Any
    inside: str = ""
    """Folder to give to the reader instead of the file."""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Content as it stands in the file."""
        if isinstance(self.content, str):
            return self.content
        return json.dumps(self.content, indent=1)


SAMPLES = {
    "skypilot": Sample("skypilot", "gcp/vms.csv", VMS),
    "huggingface": Sample("huggingface", "acme--Model/config.json", CONFIG),
    "genai-prices": Sample("genai-prices", "data.json", GENAI),
    "models-dev": Sample("models-dev", "api.json", MODELS_DEV),
    "models-dev-folder": Sample("models-dev", "providers/acme/models/mine.toml", TOML, "."),
    "litellm": Sample("litellm", "prices.json", LITELLM),
    "lm-eval": Sample("lm-eval", "results_1.json", LM_EVAL, ".", {"quantization": "fp8"}),
}
JSON_SAMPLES = {name: s for name, s in SAMPLES.items() if not isinstance(s.content, str)}
