"""The answer in words and as data: what `advisor ask` prints, and what its JSON holds."""

import textwrap
from typing import Any

from advisor.advice.cost import Cost, Span, estimate
from advisor.advice.evidence import Evidence, Field
from advisor.advice.recommend import Change, Ranked, Reason, Recommendation
from advisor.advice.rules import load_rules
from advisor.task.traits import BY_NAME, Traits, Value

SHOWN = 4  # rivals in words; JSON has all
CHANGES_SHOWN = 12
A_MINUTE = 1 / 60  # of an hour
ABSTAINED = "no ranker has been learned that beats the rules on task families it has not seen; the rules decide"


def as_data(recommendation: Recommendation, field: Field, task: dict[str, Any]) -> dict[str, Any]:
    """Return everything as one plain object; a plan is made from it."""
    traits = recommendation.traits
    return {
        "traits": {name: traits.get(name) for name in BY_NAME},
        "task": task,
        "ranked": [_ranked(one, traits, field) for one in recommendation.ranked],
        "ruled_out": [{"id": one.pipeline.id, "needs": list(one.needs)} for one in recommendation.ruled_out],
        "would_change": [
            {"trait": one.trait, "value": one.value, "now": one.now, "top": one.top.id}
            for one in recommendation.would_change
        ],
        "abstained": True,
        "abstained_because": ABSTAINED,
        "sources": dict(load_rules().sources),
    }


def lines(recommendation: Recommendation, field: Field) -> list[str]:
    """Return the answer for a reader: the pipeline with its reasons, the rivals, and what would change it."""
    traits, top = recommendation.traits, recommendation.top
    told = [f"Recommended: {top.pipeline.title}", *_about(top, traits, field)]
    rivals = recommendation.rivals[:SHOWN]
    if rivals:
        told += ["", "After it:"]
        known = {reason.rule.name for reason in top.reasons}
        for one in rivals:
            told += _wrapped(f"{one.score:>4}  {one.pipeline.id}: {one.pipeline.title}", "      ")
            own = [reason for reason in one.reasons if reason.rule.name not in known][:1]
            known.update(reason.rule.name for reason in own)
            told += [line for reason in own for line in _wrapped(f"      {reason.rule.because}", "      ")]
    if recommendation.ruled_out:
        told += ["", "Ruled out:"]
        told += _wrapped(
            "  " + ", ".join(f"{one.pipeline.id} (needs {one.needs[0]})" for one in recommendation.ruled_out), "  "
        )
    changes = recommendation.would_change
    told += ["", "What would change this answer:"]
    told += [f"  {_change(one)}" for one in changes[:CHANGES_SHOWN]]
    if len(changes) > CHANGES_SHOWN:
        told.append(f"  and {len(changes) - CHANGES_SHOWN} more: --json")
    told += ["", *_legend(recommendation)]
    return told


def _about(top: Ranked, traits: Traits, field: Field) -> list[str]:
    pipeline = top.pipeline
    stages = " → ".join(pipeline.stages) or "nothing is trained"
    named = pipeline.id if pipeline.stages == (pipeline.id,) else f"{pipeline.id}: {stages}"
    told = [f"  {named}; method {pipeline.method}; {top.score} points"]
    for reason in top.reasons:
        told += _reason(reason)
    for need in top.open_needs:
        told.append(f"     ?  not known yet: {need}")
    told += _wrapped(f"  gives  {pipeline.gives}", "         ")
    told += _wrapped(f"  risks  {pipeline.risks}", "         ")
    if pipeline.stages:
        told += _wrapped(f"  costs  {_cost(estimate(pipeline, traits))}", "         ")
    evidence = field.evidence(pipeline, traits)
    if evidence:
        told += _wrapped(f"  field  {evidence}", "         ")
    return told


def _reason(reason: Reason) -> list[str]:
    rule = reason.rule
    number = f" ({rule.number})" if rule.number else ""
    told = _wrapped(f"  {reason.points:>+4}  {rule.because}{number} [{', '.join(rule.source)}]", "        ")
    for one in rule.dissent:
        told += _wrapped(f"        but [{one.source}] {one.says}", "            ")
    return told


def _change(change: Change) -> str:
    now = "" if change.now is None else f" (now {said(change.now)})"
    return f"{change.trait} = {said(change.value)}{now}: {change.top.title}"


def _legend(recommendation: Recommendation) -> list[str]:
    """Return what the names in brackets mean."""
    named: dict[str, None] = {}
    for reason in recommendation.top.reasons:
        named.update(dict.fromkeys([*reason.rule.source, *(one.source for one in reason.rule.dissent)]))
    sources = load_rules().sources
    return [line for name in named for line in _wrapped(f"[{name}] {sources[name]}", "      ")]


def _cost(cost: Cost) -> str:
    parts = [f"{_span(cost.generated, 'tokens')} generated" if cost.generated.high else "",
             f"{_span(cost.trained, 'tokens')} trained on"]  # fmt: skip
    if cost.gpu_hours is None:
        parts.append("hours once `parameters` is known")
    elif cost.gpu_hours.high < A_MINUTE:
        parts.append("less than a minute of one H100")
    else:
        parts.append(f"{_span(cost.gpu_hours, 'hours')} of one H100")
    if cost.memory is not None:
        parts.append(f"peak memory {cost.memory}")
    assumed = f" (assumed: {', '.join(cost.assumed)})" if cost.assumed else ""
    return "; ".join(filter(None, parts)) + assumed


def _span(span: Span, unit: str) -> str:
    low, high = _short(span.low), _short(span.high)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2g}{letter}" if number < 10 * size else f"{number / size:.0f}{letter}"
    return f"{number:.2g}"


def _ranked(one: Ranked, traits: Traits, field: Field) -> dict[str, Any]:
    pipeline = one.pipeline
    evidence: Evidence | None = field.evidence(pipeline, traits)
    return {
        "id": pipeline.id,
        "title": pipeline.title,
        "pipeline": [{"technique": stage} for stage in pipeline.stages],
        "method": pipeline.method,
        "bundled": pipeline.is_bundled,
        "score": one.score,
        "reasons": [
            {
                "rule": reason.rule.name,
                "points": reason.points,
                "text": reason.rule.because,
                "number": reason.rule.number,
                "source": list(reason.rule.source),
                "dissent": [{"source": other.source, "says": other.says} for other in reason.rule.dissent],
            }
            for reason in one.reasons
        ],
        "open_needs": list(one.open_needs),
        "gives": pipeline.gives,
        "risks": pipeline.risks,
        "cost": _cost_data(estimate(pipeline, traits)),
        "evidence": None if evidence is None else {**evidence.__dict__, "text": str(evidence)},
    }


def _cost_data(cost: Cost) -> dict[str, Any]:
    return {
        "generated_tokens": list(cost.generated),
        "trained_tokens": list(cost.trained),
        "gpu_hours": None if cost.gpu_hours is None else list(cost.gpu_hours),
        "memory_bytes": None if cost.memory is None else [cost.memory.adapters, cost.memory.whole],
        "memory": None if cost.memory is None else str(cost.memory),
        "assumed": list(cost.assumed),
        "text": _cost(cost),
    }


def said(value: Value) -> str:
    """Return a trait's value as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _wrapped(text: str, indent: str) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(), width=100, initial_indent=lead, subsequent_indent=indent, break_long_words=False
    )
