"""An estimate as a table of phases and parts, and in sentences: the peak, whether it fits, what was published."""

from advisor.memory.phases import CACHED, CONTEXT, MARGIN, PHASES, Estimate
from advisor.memory.published import Figure, Row, error_rows, published_figures
from advisor.memory.remedies import GIGABYTE, Change
from posttrain.tables import Grid, as_lines

PARTS = (
    "weights", "master", "optimizer", "reference", "gradients", "decoder", "activations", "logits", "kv cache",
    "unpacked", "copy",
)  # fmt: skip
SMALL = 100_000_000  # parameters, below which GB have too few digits and published figures are of far larger models


def render(estimate: Estimate, gpu_gigabytes: float | None, change: Change | None) -> list[str]:
    """Return the lines of `advisor memory`: the table, the peak, whether it fits, published figures, the check."""
    table = grid(estimate)
    lines = [table.title, "", *as_lines(table)]
    for sentence in sentences(estimate, gpu_gigabytes, change):
        lines += ["", sentence]
    return [
        *lines,
        "",
        *_published(estimate),
        "",
        f"Checked: {summary(error_rows())}",
        "The table is in docs/memory.md.",
    ]


def grid(estimate: Estimate, notes: tuple[str, ...] = ()) -> Grid:
    """Return phases as columns and parts as rows, in units of 10^9 bytes, for a small model 10^6."""
    names = [name for name in PARTS if any(name in phase.parts for phase in estimate.phases)]
    unit, size = ("GB", GIGABYTE) if estimate.counts.parameters >= SMALL else ("MB", GIGABYTE / 1000)
    rows = [
        (name, *(f"{phase.parts[name] / size:,.2f}" if name in phase.parts else "" for phase in estimate.phases))
        for name in names
    ]
    total = ("together", *(f"{phase.total / size:,.2f}" for phase in estimate.phases))
    head = (unit, *(phase.name for phase in estimate.phases))
    return Grid(_title(estimate), notes, head, (*rows, total), numeric_from=1)


def sentences(estimate: Estimate, gpu_gigabytes: float | None, change: Change | None) -> list[str]:
    """Return the peak with its margins and, for a GPU of a given size, whether it fits and the cheapest change."""
    peak = (
        f"Peak: {estimate.raw / GIGABYTE:.1f} GB counted, when {PHASES[estimate.peak.name]}; with a margin of "
        f"{100 * MARGIN:.0f} %, {100 * CACHED:.0f} % for the allocator's cache and {CONTEXT / GIGABYTE:.1f} GB for "
        f"CUDA: {estimate.total / GIGABYTE:.1f} GB."
    )
    if gpu_gigabytes is None:
        return [peak]
    missing = estimate.total / GIGABYTE - gpu_gigabytes
    if missing <= 0:
        return [peak, f"Fits {gpu_gigabytes:g} GB, {-missing:.1f} GB to spare."]
    verdict = f"Does not fit {gpu_gigabytes:g} GB: {missing:.1f} GB too many."
    if change is None:
        return [peak, f"{verdict} No known change makes it fit."]
    where = "" if change.ours else " (not in our loops: with TRL or verl, by `advisor export`)"
    steps = f"{'; '.join(change.steps)}{where}: {change.estimate.total / GIGABYTE:.1f} GB"
    return [peak, f"{verdict} Cheapest change: {steps}."]


def summary(rows: list[Row]) -> str:
    """Return a sentence on the distance of the bound from the published figures, in per cent."""
    raw = sorted(100 * row.raw_error for row in rows)
    bound = sorted(100 * row.bound_error for row in rows)
    typical = bound[len(bound) // 2]
    return (
        f"Of {len(rows)} published points, {sum(error < 0 for error in bound)} are under-predicted. The bound is above "
        f"the published figure by {bound[0]:.0f} to {bound[-1]:.0f} %, with a median of {typical:.0f} %; the count "
        f"without margin and context is off by {raw[0]:+.0f} to {raw[-1]:+.0f} %."
    )


def weights_in_words(parameters: int) -> str:
    """Return a number of parameters in the unit that fits it: 7.62B, 124.4M, 801,664."""
    if parameters < 1e6:
        return f"{parameters:,}"
    return f"{parameters / 1e6:.1f}M" if parameters < 1e9 else f"{parameters / 1e9:.2f}B"


def _title(estimate: Estimate) -> str:
    setting = estimate.setting
    weights = {"full": "all weights", "lora": f"LoRA of rank {setting.lora_rank}", "qlora": "LoRA on 4-bit weights"}
    size = weights_in_words(estimate.counts.parameters)
    return (
        f"{estimate.counts.model}, {size} parameters ({estimate.counts.origin}): "
        f"{setting.technique}, {weights[setting.tuning]}, {setting.micro_batch} sequences of up to "
        f"{setting.sequence_tokens} tokens at once"
    )


def _published(estimate: Estimate) -> list[str]:
    """Return the figures of the survey's Appendix C for such a run, with the contradictions that are about them."""
    appendix = published_figures()["appendix_c"]
    setting, billions = estimate.setting, estimate.counts.parameters / 1e9
    figures = [
        figure
        for figure in appendix["figures"]
        if setting.technique in figure["technique"] and setting.tuning in figure["tuning"]
    ]
    trouble = sorted({number for figure in figures for number in figure["trouble"]})
    cards = [card for card in appendix["cards"] if card["least"] <= billions <= card["most"]]
    if estimate.counts.parameters < SMALL or not [*figures, *cards]:
        return [f"{appendix['source']}, publishes no figure for such a run."]
    lines = [f"Published ({appendix['source']}), shown and not used:"]
    lines += [f"  {_figure(figure, billions)}" for figure in figures]
    lines += [
        f"  {card['least']:g} to {card['most']:g}B: {card['gpus']} cards of {card['gpu_gigabytes']} GB"
        for card in cards
    ]
    return [*lines, *(f"  contradiction: {appendix['trouble'][number]}" for number in trouble)]


def _figure(figure: Figure, billions: float) -> str:
    span = f"{figure['low']:g}" if figure["low"] == figure["high"] else f"{figure['low']:g} to {figure['high']:g}"
    if figure["per"] == "run":
        return f"{figure['what']}: {span} GB, whatever the size"
    if figure["per"] == "times SFT":
        return f"{figure['what']}: {span}"
    low, high = figure["low"] * billions, figure["high"] * billions
    low_here, high_here = (f"{size:.0f}" if size >= 10 else f"{size:.2g}" for size in (low, high))
    here = low_here if low == high else f"{low_here} to {high_here}"
    return f"{figure['what']}: {span} GB per billion parameters, here {here} GB"
