"""The recommendation in words: the lines that `advisor ask` prints."""

import textwrap
from collections.abc import Iterator

from advisor.advice.ranking import Reason
from advisor.advice.recommend import Option, Recommendation

SHOWN = 4  # rivals; JSON has all
CHANGES_SHOWN = 12


def lines(recommendation: Recommendation) -> list[str]:
    """Return the answer as lines: the pipeline with its reasons, the rivals, and what would change the answer."""
    return [
        f"Recommended: {recommendation.top.pipeline.title}",
        *_about(recommendation.top),
        *_rivals(recommendation),
        *_ruled_out(recommendation),
        "",
        "What would change this answer:",
        *_changes(recommendation),
        "",
        *(line for source in recommendation.sources for line in _wrapped(f"[{source.id}] {source.title}", "      ")),
    ]


def _about(top: Option) -> Iterator[str]:
    pipeline = top.pipeline
    stages = " → ".join(pipeline.stages) or "nothing is trained"
    name = pipeline.id if pipeline.stages == (pipeline.id,) else f"{pipeline.id}: {stages}"
    yield f"  {name}; method {pipeline.method}; {top.score} points"
    for reason in top.reasons:
        yield from _reason(reason)
    for need in top.open_needs:
        yield f"     ?  not known yet: {need}"
    yield from _wrapped(f"  gives  {pipeline.gives}", "         ")
    yield from _wrapped(f"  risks  {pipeline.risks}", "         ")
    if top.start:
        yield from _wrapped(f"  start  {top.start}", "         ")
    if pipeline.stages:
        yield from _wrapped(f"  costs  {top.cost}", "         ")
    if top.cost.memory:
        yield f"  parts  {top.cost.memory.commands[0]}"
    if top.evidence:
        yield from _wrapped(f"  field  {top.evidence}", "         ")


def _reason(reason: Reason) -> Iterator[str]:
    rule = reason.rule
    sources = ", ".join(source.id for source in rule.sources)
    yield from _wrapped(f"  {reason.points:>+4}  {rule.text} [{sources}]", "        ")
    for dissent in rule.dissent:
        yield from _wrapped(f"        but [{dissent.source.id}] {dissent.says}", "            ")


def _rivals(recommendation: Recommendation) -> Iterator[str]:
    """Yield the rivals, each with its weightiest reason that was not given before."""
    rivals = recommendation.rivals[:SHOWN]
    if rivals:
        yield ""
        yield "After it:"
    known = {reason.rule.name for reason in recommendation.why}
    for rival in rivals:
        yield from _wrapped(f"{rival.score:>4}  {rival.pipeline.id}: {rival.pipeline.title}", "      ")
        reason = next((reason for reason in rival.reasons if reason.rule.name not in known), None)
        if reason:
            known.add(reason.rule.name)
            yield from _wrapped(f"      {reason.rule.because}", "      ")


def _ruled_out(recommendation: Recommendation) -> Iterator[str]:
    if recommendation.ruled_out:
        yield ""
        yield "Ruled out:"
        names = (f"{out.pipeline.id} (needs {out.needs[0]})" for out in recommendation.ruled_out)
        yield from _wrapped(f"  {', '.join(names)}", "  ")


def _changes(recommendation: Recommendation) -> Iterator[str]:
    changes = recommendation.would_change
    for change in changes[:CHANGES_SHOWN]:
        yield f"  {change.condition}: {change.top.title}"
    if len(changes) > CHANGES_SHOWN:
        yield f"  and {len(changes) - CHANGES_SHOWN} more: --json"


def _wrapped(text: str, indent: str) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(), width=100, initial_indent=lead, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
