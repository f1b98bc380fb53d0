"""The answer of `advisor memory`: an estimate, whether it fits a GPU, and the cheapest change that makes it fit."""

import math
from dataclasses import asdict, dataclass, replace

from advisor.memory.counts import counts_of
from advisor.memory.phases import CACHED, CONTEXT, MARGIN, Estimate, estimate
from advisor.memory.published import Row, error_rows, published_figures
from advisor.memory.remedies import GIGABYTE, Change, cheapest_change, fits
from advisor.memory.report import grid, render, sentences
from advisor.memory.setting import Setting, changed, default_setting, library_setting
from posttrain.errors import ConfigurationError
from posttrain.frames import Cell, Tabular
from posttrain.tables import html_table

Data = dict[str, object]


@dataclass(frozen=True)
class Answer(Tabular):
    """The peak memory of a run; for a GPU of a given size also whether it fits and, if not, what makes it fit."""

    estimate: Estimate
    gpu_gigabytes: float | None = None
    fits: bool | None = None
    change: Change | None = None

    def lines(self) -> list[str]:
        """Return the answer as lines for a terminal."""
        return render(self.estimate, self.gpu_gigabytes, self.change)

    def rows(self) -> list[dict[str, Cell]]:
        """Return a row for each phase: the bytes of each part, and their total."""
        return [{"phase": phase.name, **phase.parts, "total": phase.total} for phase in self.estimate.phases]

    def headline(self) -> str:
        """Return the model, the technique and its setting."""
        return grid(self.estimate).title

    def notes(self) -> list[str]:
        """Return the peak and, for a GPU, whether the run fits and the cheapest change."""
        return sentences(self.estimate, self.gpu_gigabytes, self.change)

    def _repr_html_(self) -> str:
        """Return the answer as HTML for a notebook: the table of phases and parts, the peak, and whether it fits."""
        return html_table(grid(self.estimate, tuple(self.notes())))


def estimate_for(
    model: str,
    technique: str,
    *,
    lora: bool = False,
    qlora: bool = False,
    library: bool = False,
    gpu_gigabytes: float | None = None,
    **changes: object,
) -> Answer:
    """Return the peak memory of a technique on a model, in bytes by phase and part; nothing is loaded.

    model: a well-known name or hub id, a folder, a config.json, `starter`, or a size such as `3b`. gpu_gigabytes: the
    memory of one GPU in units of 10^9 bytes. library: in a library like TRL with activation checkpointing, as `advisor
    ask` prices it, in place of our loops. changes: fields of Setting (micro_batch, accumulation, prompt_tokens,
    response_tokens, group_size, …); None keeps the default. Raises ConfigurationError, with a hint, for an
    unknown model, technique or setting.
    """
    if lora and qlora:
        raise ConfigurationError(
            "--lora and --qlora are two ways to train adapters; expected one", "leave one of them out"
        )
    if gpu_gigabytes is not None and not 0 < gpu_gigabytes < math.inf:
        raise ConfigurationError(
            f"the GPU has {gpu_gigabytes:g} gigabytes; expected a number above 0", "advisor memory --gpu 24"
        )
    given = _checked(changes)
    setting = default_setting(technique, **given)
    if library:
        usual = library_setting(
            technique, lora=lora or qlora, rows=setting.micro_batch if "micro_batch" in given else 1,
            prompt_tokens=setting.prompt_tokens, response_tokens=setting.response_tokens,
        )  # fmt: skip
        setting = changed(usual, given)
    if lora or qlora:
        setting = replace(setting, tuning="qlora" if qlora else "lora", reference=False)
    if qlora:  # our loops have no 4-bit weights
        setting = replace(setting, weights="bfloat16", compute="bfloat16", own_loop=False)
    needed = estimate(counts_of(model), setting)
    if gpu_gigabytes is None:
        return Answer(needed)
    enough = fits(needed, gpu_gigabytes)
    change = None if enough else cheapest_change(setting, needed.counts, gpu_gigabytes * GIGABYTE)
    return Answer(needed, gpu_gigabytes, enough, change)


def _checked(changes: dict[str, object]) -> dict[str, object]:
    """Return the changes that are not None. Raises ConfigurationError for an unknown name and a number too small."""
    given = {name: value for name, value in changes.items() if value is not None}
    unknown = sorted(set(given) - set(Setting.__dataclass_fields__))
    if unknown:
        raise ConfigurationError(
            f"there is no setting '{unknown[0]}'", f"take one of {', '.join(Setting.__dataclass_fields__)}"
        )
    for name, value in sorted(given.items()):
        least = 1 if name in ("micro_batch", "response_tokens") else 0
        if isinstance(value, int) and value < least:
            raise ConfigurationError(f"{name} is {value}; expected a positive number", f"give {name} a positive number")
    return given


def as_data(answer: Answer) -> Data:
    """Return an answer as plain values, the JSON of `advisor memory`; bytes are whole numbers."""
    needed = answer.estimate
    return {
        "model": needed.counts.model,
        "parameters": needed.counts.parameters,
        "counted_by": needed.counts.origin,
        "setting": asdict(needed.setting),
        "phases": [
            {
                "phase": phase.name,
                "bytes": round(phase.total),
                "parts": {name: round(size) for name, size in phase.parts.items()},
            }
            for phase in needed.phases
        ],
        "peak": {
            "phase": needed.peak.name, "counted": round(needed.raw), "with_margin": round(needed.allocated),
            "total": round(needed.total), "margin": MARGIN, "cached": CACHED, "context": round(CONTEXT),
        },
        "gpu_gigabytes": answer.gpu_gigabytes,
        "fits": answer.fits,
        "change": None if answer.change is None else _change(answer.change),
        "published": published_figures(),
        "checked_on": [_row(row) for row in error_rows()],
    }  # fmt: skip


def _change(change: Change) -> Data:
    return {
        "steps": list(change.steps), "ours": change.ours, "model": change.model,
        "setting": asdict(change.setting), "total": round(change.estimate.total),
    }  # fmt: skip


def _row(row: Row) -> Data:
    return {
        "point": row.point.name, "published": round(row.point.published), "reading": row.point.reading,
        "counted": round(row.raw), "bound": round(row.bound), "error": round(row.bound_error, 3),
        "source": row.point.source,
    }  # fmt: skip
