"""The recommendation as plain data: the JSON of `advisor ask`, from which a plan can be made."""

from collections.abc import Sequence

from advisor.advice.cost import Cost
from advisor.advice.evidence import Evidence
from advisor.advice.questions import questions
from advisor.advice.ranking import Reason
from advisor.advice.recommend import Option, Recommendation
from advisor.advice.rules import load_rules
from advisor.task.traits import BY_NAME

Data = dict[str, object]

ABSTAINED = "no learned ranker beats the rules on task families that it has not seen; the rules decide"


def as_data(recommendation: Recommendation) -> Data:
    """Return everything in a recommendation as one object of plain values."""
    sources = load_rules().sources.values()
    return {
        "traits": {name: recommendation.traits.get(name) for name in BY_NAME},
        "task": dict(recommendation.task),
        "ranked": [_option(option) for option in recommendation.ranked],
        "ruled_out": [{"id": out.pipeline.id, "needs": list(out.needs)} for out in recommendation.ruled_out],
        "would_change": [
            {"trait": change.trait, "value": change.value, "now": change.now, "top": change.top.id}
            for change in recommendation.would_change
        ],
        "next_question": _question(recommendation),
        "abstained": True,
        "abstained_because": ABSTAINED,
        "sources": {source.id: source.title for source in sources},
        "links": {source.id: source.url for source in sources if source.url},
    }


def _option(option: Option) -> Data:
    pipeline = option.pipeline
    return {
        "id": pipeline.id,
        "title": pipeline.title,
        "pipeline": [
            {"technique": stage, "done": index < option.done} if option.done else {"technique": stage}
            for index, stage in enumerate(pipeline.stages)
        ],
        "method": pipeline.method,
        "bundled": pipeline.is_bundled,
        "score": option.score,
        "reasons": _reasons(option.reasons),
        "open_needs": list(option.open_needs),
        "gives": pipeline.gives,
        "risks": pipeline.risks,
        "cost": _cost(option.cost),
        "evidence": None if option.evidence is None else _evidence(option.evidence),
    }


def _question(recommendation: Recommendation) -> Data | None:
    """Return the most useful open question, None where no answer could change the recommendation."""
    question = next(iter(questions(recommendation.traits)), None)
    if question is None:
        return None
    trait = question.trait
    return {
        "trait": trait.name, "question": trait.question, "allowed": trait.allowed, "why": trait.why,
        "usefulness": round(question.usefulness, 3),
    }  # fmt: skip


def _reasons(reasons: Sequence[Reason]) -> list[Data]:
    return [
        {
            "rule": reason.rule.name,
            "points": reason.points,
            "text": reason.rule.because,
            "number": reason.rule.number,
            "source": [source.id for source in reason.rule.sources],
            "dissent": [{"source": dissent.source.id, "says": dissent.says} for dissent in reason.rule.dissent],
        }
        for reason in reasons
    ]


def _cost(cost: Cost) -> Data:
    return {
        "generated_tokens": list(cost.generated),
        "trained_tokens": list(cost.trained),
        "gpu_hours": None if cost.gpu_hours is None else list(cost.gpu_hours),
        "memory_bytes": None if cost.memory is None else [cost.memory.adapters, cost.memory.whole],
        "memory": None if cost.memory is None else str(cost.memory),
        "memory_commands": None if cost.memory is None else list(cost.memory.commands),
        "assumed": list(cost.assumed),
        "text": str(cost),
    }


def _evidence(evidence: Evidence) -> Data:
    return {
        "method": evidence.method, "domain": evidence.domain, "k": evidence.k, "n": evidence.n,
        "share": evidence.share, "low": evidence.low, "high": evidence.high, "sample": evidence.sample,
        "text": str(evidence),
    }  # fmt: skip
