"""Memory in lines for a terminal, and the tables of docs/memory.md."""

from typing import Any

from advisor.memory import Answer
from advisor.memory.phases import CACHED, CONTEXT, MARGIN, PHASES, Estimate
from advisor.memory.published import GIB, Point, Row, error_rows, published_figures, published_points
from advisor.memory.remedies import GIGABYTE
from advisor.memory.setting import Setting

PARTS = (
    "weights", "master", "optimizer", "reference", "gradients", "decoder", "activations", "logits", "kv cache",
    "unpacked", "copy",
)  # fmt: skip


def render(answer: Answer) -> list[str]:
    """Return an answer as lines: the phases and their parts, the peak, what fits, what was published, the check."""
    made = answer.estimate
    lines = [_title(made), "", *_table(made), "", *_peak(made)]
    if answer.gpu_gigabytes is not None:
        lines += ["", *_verdict(answer)]
    return [*lines, "", *_published(made), "", *_checked()]


def errors_as_markdown() -> list[str]:
    """Return the table of errors of docs/memory.md: every point on the grid, in GiB and per cent."""
    head = ["| published run | published GiB | counted | error | bound | above | from the size alone | above |"]
    head.append("|---|---:|---:|---:|---:|---:|---:|---:|")
    return head + [
        f"| {row.point.name} | {row.point.published / GIB:.1f} | {row.raw / GIB:.1f} | {100 * row.raw_error:+.1f} % "
        f"| {row.bound / GIB:.1f} | {100 * row.bound_error:+.1f} % "
        f"| {row.quick / GIB:.1f} | {100 * row.quick_error:+.1f} % |"
        for row in error_rows()
    ]


def left_out_as_markdown() -> list[str]:
    """Return the table of the published points that are left out of the check, each with its reason."""
    shown = {row.point.name: row for row in error_rows(on_grid=False)}
    head = ["| published run | published GiB | bound | above | why it is left out |", "|---|---:|---:|---:|---|"]
    return head + [_left_out(point, shown.get(point.name)) for point in published_points() if not point.on_grid]


def summary(rows: list[Row]) -> str:
    """Return one sentence on how far the bound is from what was published, in per cent."""
    raw = sorted(100 * row.raw_error for row in rows)
    bound = sorted(100 * row.bound_error for row in rows)
    typical = bound[len(bound) // 2]
    return (
        f"Of {len(rows)} published points, {sum(one < 0 for one in bound)} are under-predicted. The bound is above "
        f"what was published by {bound[0]:.0f} to {bound[-1]:.0f} %, in the middle by {typical:.0f} %; the count "
        f"without margin and context is off by {raw[0]:+.0f} to {raw[-1]:+.0f} %."
    )


def _left_out(point: Point, row: Row | None) -> str:
    said = "| – | – |" if row is None else f"| {row.bound / GIB:.1f} | {100 * row.bound_error:+.1f} % |"
    return f"| {point.name} | {point.published / GIB:.1f} {said} {point.why} |"


def _title(made: Estimate) -> str:
    setting = made.setting
    how = {"full": "all weights", "lora": f"LoRA of rank {setting.lora_rank}", "qlora": "LoRA on 4-bit weights"}
    return (
        f"{made.counts.model}, {made.counts.parameters / 1e9:.2f}B parameters ({made.counts.origin}): "
        f"{setting.technique}, {how[setting.tuning]}, {setting.micro_batch} sequences of up to "
        f"{setting.sequence_tokens} tokens at once"
    )


def _table(made: Estimate) -> list[str]:
    """Return phases as columns and parts as rows, in units of 10^9 bytes."""
    names = [name for name in PARTS if any(name in phase.parts for phase in made.phases)]
    lines = [f"{'GB':12}" + "".join(f"{phase.name:>11}" for phase in made.phases)]
    for name in names:
        cells = (f"{phase.parts[name] / GIGABYTE:11.2f}" if name in phase.parts else " " * 11 for phase in made.phases)
        lines.append(f"{name:12}" + "".join(cells).rstrip())
    total = "".join(f"{phase.total / GIGABYTE:11.2f}" for phase in made.phases)
    return [*lines, f"{'together':12}" + total]


def _peak(made: Estimate) -> list[str]:
    return [
        f"Peak: {made.raw / GIGABYTE:.1f} GB counted, when {PHASES[made.peak.name]}; with a margin of "
        f"{100 * MARGIN:.0f} %, {100 * CACHED:.0f} % for the allocator's cache and {CONTEXT / GIGABYTE:.1f} GB for "
        f"CUDA: {made.total / GIGABYTE:.1f} GB."
    ]


def _verdict(answer: Answer) -> list[str]:
    size, needed = answer.gpu_gigabytes or 0.0, answer.estimate.total / GIGABYTE
    if answer.fits:
        return [f"Fits {size:g} GB, {size - needed:.1f} GB to spare."]
    lines = [f"Does not fit {size:g} GB: {needed - size:.1f} GB too many."]
    change = answer.change
    if change is None:
        return [*lines, "No change that is known here makes it fit."]
    told = "; ".join(change.steps)
    where = "" if change.ours else " (not in our loops: with TRL or verl, by `advisor export`)"
    return [*lines, f"Cheapest change: {told}{where}: {change.estimate.total / GIGABYTE:.1f} GB."]


def _published(made: Estimate) -> list[str]:
    """Return what the survey's Appendix C says of such a run, with the trouble of its units; it decides nothing."""
    figures = published_figures()["appendix_c"]
    billions = made.counts.parameters / 1e9
    lines = [f"Published ({figures['source']}), shown and not used:"]
    lines += [f"  {_figure(one, billions)}" for one in figures["figures"] if _applies(one, made.setting)]
    lines += [
        f"  {one['least']:g} to {one['most']:g}B: {one['gpus']} cards of {one['gpu_gigabytes']} GB"
        for one in figures["cards"]
        if one["least"] <= billions <= one["most"]
    ]
    return [*lines, *(f"  unit trouble: {one}" for one in figures["trouble"])]


def _applies(figure: dict[str, Any], setting: Setting) -> bool:
    return setting.technique in figure["technique"] and setting.tuning in figure["tuning"]


def _figure(figure: dict[str, Any], billions: float) -> str:
    span = f"{figure['low']:g}" if figure["low"] == figure["high"] else f"{figure['low']:g} to {figure['high']:g}"
    if figure["per"] == "run":
        return f"{figure['what']}: {span} GB, whatever the size"
    if figure["per"] == "times SFT":
        return f"{figure['what']}: {span}"
    low, high = (figure[end] * billions for end in ("low", "high"))
    here = f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
    return f"{figure['what']}: {span} GB per billion parameters, here {here} GB"


def _checked() -> list[str]:
    return [f"Checked: {summary(error_rows())}", "The table is in docs/memory.md."]
