"""Peak memory of a run by phase and part, before anything is loaded: what does not fit, and the least costly change.

`estimate_for` answers the command; `quick_estimate` needs a size alone and milliseconds. No torch is loaded here: a
model that is not well known is counted in a process of its own (reference_impls.model.memory).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from advisor.memory.counts import Counts, counts_of
from advisor.memory.phases import CACHED, CONTEXT, MARGIN, PHASES, Estimate, Phase, estimate, quick_estimate
from advisor.memory.published import Row, error_rows, published_figures
from advisor.memory.remedies import GIGABYTE, Change, cheapest_change, fits
from advisor.memory.setting import Setting, default_setting, setting_of
from posttrain.errors import ConfigurationError
from posttrain.frames import Cell, Tabular

__all__ = [
    "Answer", "Change", "Counts", "Estimate", "Phase", "Setting", "as_data", "cheapest_change", "counts_of",
    "default_setting", "error_rows", "estimate", "estimate_for", "fits", "published_figures", "quick_estimate",
    "setting_of",
]  # fmt: skip


@dataclass(frozen=True)
class Answer(Tabular):
    """An estimate, and for a GPU of a given size whether it fits and, where it does not, what would make it fit."""

    estimate: Estimate
    gpu_gigabytes: float | None = None
    fits: bool | None = None
    change: Change | None = None

    def headline(self) -> str:
        """Return the model, the technique and the peak."""
        counted = self.estimate
        peak = f"peak {counted.total / GIGABYTE:.1f} GB when {PHASES[counted.peak.name]}"
        return f"{counted.counts.model}, {counted.setting.technique}: {peak}"

    def rows(self) -> list[dict[str, Cell]]:
        """Return a part of a phase a row, in bytes as counted, without margin and CUDA context."""
        return [
            {"phase": phase.name, "part": part, "bytes": round(size)}
            for phase in self.estimate.phases
            for part, size in phase.parts.items()
        ]

    def notes(self) -> list[str]:
        """Return the margin, and for a GPU whether it fits."""
        margin = f"the peak holds a margin of {MARGIN:.0%}, {CACHED:.0%} for the allocator's cache and the CUDA context"
        if self.gpu_gigabytes is None:
            return [margin]
        steps = f"; cheapest change: {'; '.join(self.change.steps)}" if self.change else ""
        return [f"{'fits' if self.fits else 'does not fit'} {self.gpu_gigabytes:g} GB{steps}", margin]


def estimate_for(
    model: str,
    technique: str,
    *,
    lora: bool = False,
    qlora: bool = False,
    gpu_gigabytes: float | None = None,
    **changes: Any,
) -> Answer:
    """Return the peak memory of a technique on a model, in bytes by phase and part; nothing is loaded.

    model: a well-known name or hub id, a folder, a config.json, `starter`, or a size such as `3b`. gpu_gigabytes: the
    memory of one GPU in units of 10^9 bytes. changes: fields of Setting (micro_batch, accumulation, prompt_tokens,
    response_tokens, group_size, …); one that is None keeps the default of our loops. Raises PosttrainError,
    with a hint, for what is not known.
    """
    if lora and qlora:
        raise ConfigurationError(
            "--lora and --qlora are two ways to train adapters; expected one", "leave one of them out"
        )
    given = {name: value for name, value in changes.items() if value is not None}
    wrong = sorted(set(given) - set(Setting.__dataclass_fields__))
    if wrong:
        raise ConfigurationError(
            f"there is no setting '{wrong[0]}'", f"take one of {', '.join(Setting.__dataclass_fields__)}"
        )
    least = sorted(name for name, value in given.items() if isinstance(value, int) and value < 0)
    if least or given.get("micro_batch") == 0 or given.get("response_tokens") == 0:
        name = (least or ["micro_batch"])[0]
        raise ConfigurationError(
            f"{name} is {given.get(name)}; expected a positive number", f"give {name} a positive number"
        )
    setting = default_setting(technique, **given)
    if lora or qlora:
        setting = replace(setting, tuning="qlora" if qlora else "lora", reference=False)
    if qlora:  # our loops have no 4-bit weights
        setting = replace(setting, weights="bfloat16", compute="bfloat16", own_loop=False)
    made = estimate(counts_of(model), setting)
    if gpu_gigabytes is None:
        return Answer(made)
    enough = fits(made, gpu_gigabytes)
    change = None if enough else cheapest_change(setting, made.counts, gpu_gigabytes * GIGABYTE)
    return Answer(made, gpu_gigabytes, enough, change)


def as_data(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values for `--json`; bytes as whole numbers."""
    made = answer.estimate
    rows = error_rows()
    return {
        "model": made.counts.model,
        "parameters": made.counts.parameters,
        "counted_by": made.counts.origin,
        "setting": asdict(made.setting),
        "phases": [
            {"phase": phase.name, "bytes": round(phase.total), "parts": _rounded(phase.parts)} for phase in made.phases
        ],
        "peak": {
            "phase": made.peak.name, "counted": round(made.raw), "with_margin": round(made.allocated),
            "total": round(made.total), "margin": MARGIN, "cached": CACHED, "context": round(CONTEXT),
        },
        "gpu_gigabytes": answer.gpu_gigabytes,
        "fits": answer.fits,
        "change": None if answer.change is None else _change(answer.change),
        "published": published_figures(),
        "checked_on": [_row(row) for row in rows],
    }  # fmt: skip


def _change(change: Change) -> dict[str, Any]:
    return {
        "steps": list(change.steps), "ours": change.ours, "model": change.model,
        "setting": asdict(change.setting), "total": round(change.estimate.total),
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return {
        "point": row.point.name, "published": round(row.point.published), "reading": row.point.reading,
        "counted": round(row.raw), "bound": round(row.bound), "error": round(row.bound_error, 3),
        "source": row.point.source,
    }  # fmt: skip


def _rounded(parts: dict[str, float]) -> dict[str, int]:
    return {name: round(value) for name, value in parts.items()}
