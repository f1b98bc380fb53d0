"""The recommendation as a Markdown page, as `advisor ask --out advice.md` writes it."""

from collections.abc import Iterator

from advisor.advice.recommend import Option, Recommendation
from advisor.task.traits import BY_NAME, written

RIVALS = 4


def as_markdown(recommendation: Recommendation) -> str:
    """Return the answer as a page: the pipeline, its reasons, its rivals, what would change it, and the sources."""
    top, traits = recommendation.top, recommendation.traits
    lines = [f"# {top.pipeline.title}", "", *_about(top), "", "## Why", "", *_reasons(top), "", "## After it", ""]
    lines += [
        f"- **{rival.pipeline.title}** (`{rival.pipeline.id}`, {rival.score} points): {rival.pipeline.gives}"
        for rival in recommendation.rivals[:RIVALS]
    ]
    lines += ["", "## What would change this answer", ""]
    lines += [
        f"- `{change.trait} = {written(change.value)}`: `{change.top.id}`" for change in recommendation.would_change
    ]
    lines += ["", "## Known traits", ""]
    answers = [f"- {BY_NAME[name].question} **{written(value)}**" for name, value in traits.values.items()]
    lines += answers or ["- nothing"]
    sources = sorted(recommendation.sources, key=lambda source: source.id)
    lines += ["", "## Sources", "", *(f"- {source.link} {source.title}" for source in sources)]
    return "\n".join([*lines, "", f"`{traits.command}`", ""])


def _about(top: Option) -> Iterator[str]:
    pipeline = top.pipeline
    stages = " → ".join(pipeline.stages) or "nothing is trained"
    yield f"- stages: {stages}; method {pipeline.method}; {top.score} points"
    yield f"- gives: {pipeline.gives}"
    yield f"- risks: {pipeline.risks}"
    if top.start:
        yield f"- start: {top.start}"
    if pipeline.stages:
        yield f"- costs: {top.cost}"
    if top.evidence:
        yield f"- field: {top.evidence}"
    for need in top.open_needs:
        yield f"- not known yet: `{need}`"


def _reasons(top: Option) -> Iterator[str]:
    for reason in top.reasons:
        sources = ", ".join(source.link for source in reason.rule.sources)
        yield f"- {reason.points:+d}: {reason.rule.text} ({sources})"
        yield from (f"    - but {dissent.source.link} {dissent.says}" for dissent in reason.rule.dissent)
