"""What the tests of export share: a small task, small settings, and one call that exports."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.advice.pipelines import PIPELINES, Pipeline
from advisor.advice.techniques import TECHNIQUES
from advisor.export import export
from reference_impls.configs import CONFIGS, RunConfig

TASK = {"model": "starter", "data": "task:addition", "verifier": None}
SETTINGS = {
    "rows": 48, "micro_batch": 16, "max_response_tokens": 40, "budget": "20k-tokens", "learning_rate": 1e-5, "seed": 3,
}  # fmt: skip
PAIRS = [
    {"prompt": f"Is {n} even?", "response": "yes", "label": n % 2, "chosen": "yes", "rejected": "no", "answer": "yes"}
    for n in range(40)
]


def make(
    out: Path, pipeline: str | Pipeline, target: str = "trl", task: Mapping[str, Any] = TASK, **settings: Any
) -> dict[str, Path]:
    """Export a pipeline with the same settings in each stage that has them; return the files by their names."""
    chosen = PIPELINES[pipeline] if isinstance(pipeline, str) else pipeline
    stages = [
        {name: value for name, value in {**SETTINGS, **settings}.items() if name in _known(stage)}
        for stage in chosen.stages
    ]
    files = export(target, task, chosen, stages, out)
    return {str(file.relative_to(out)): file for file in files}


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSONL."""
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def _known(technique: str) -> set[str]:
    return set(CONFIGS.get(TECHNIQUES[technique].bundled, RunConfig).model_fields)
