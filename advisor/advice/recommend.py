"""The recommendation: pipelines in order with reasons, cost and evidence, and what would change the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from advisor.advice.cost import Cost, estimate
from advisor.advice.evidence import Evidence, Field
from advisor.advice.ranking import Change, Ranked, Reason, RuledOut, changes, rank
from advisor.advice.rules import Source
from advisor.task.traits import Traits
from posttrain.frames import Cell, Tabular


@dataclass(frozen=True)
class Option(Ranked):
    """A possible pipeline with its cost and the evidence from the field."""

    cost: Cost
    evidence: Evidence | None  # None where nothing is trained, or where no paper of the domain trains
    done: int = 0  # leading stages that were run before; the next one starts from their checkpoint

    @property
    def start(self) -> str:
        """A sentence on the checkpoint that the next stage starts from; empty where no stage was run before."""
        if not self.done:
            return ""
        stages = self.pipeline.stages
        left = " → ".join(stages[self.done :])
        return f"{' → '.join(stages[: self.done])} is done: start {left} from its checkpoint; {left} alone is priced"


@dataclass(frozen=True)
class Recommendation(Tabular):
    """The answer to a set of traits: pipelines in order, those ruled out, and what would change the order."""

    traits: Traits
    ranked: tuple[Option, ...]
    ruled_out: tuple[RuledOut, ...]
    would_change: tuple[Change, ...]
    task: Mapping[str, object] = field(default_factory=dict)  # model, data and verifier, where a probe measured them

    @property
    def top(self) -> Option:
        """The pipeline that is recommended."""
        return self.ranked[0]

    @property
    def why(self) -> tuple[Reason, ...]:
        """The reasons for and against the recommended pipeline, the most points first."""
        return self.top.reasons

    @property
    def rivals(self) -> tuple[Option, ...]:
        """Pipelines after the first that gain more points than they lose."""
        return tuple(option for option in self.ranked[1:] if option.score > 0)

    @property
    def can_be_tried(self) -> bool:
        """Whether a pipeline that rules argue for has a reference implementation here for each of its stages."""
        return any(option.pipeline.stages and option.pipeline.is_bundled and option.score > 0 for option in self.ranked)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the reasons for the recommended pipeline and of their dissent, in order of appearance."""
        named: dict[Source, None] = {}
        for reason in self.why:
            named.update(dict.fromkeys([*reason.rule.sources, *(item.source for item in reason.rule.dissent)]))
        return tuple(named)

    def rows(self) -> list[dict[str, Cell]]:
        """Return a row for each pipeline: in order, and then those that are ruled out, with the need that fails."""
        options = [_row(rank, option) for rank, option in enumerate(self.ranked, 1)]
        blank = dict.fromkeys(options[0])
        return options + [
            {**blank, "id": out.pipeline.id, "title": out.pipeline.title, "ruled_out": out.needs[0]}
            for out in self.ruled_out
        ]

    def headline(self) -> str:
        """Return the title of the recommended pipeline."""
        return f"Recommended: {self.top.pipeline.title}"

    def __str__(self) -> str:
        """Return the recommended pipeline with its reasons and the rivals, a line each."""
        reasons = [f"  {reason.points:+4d}  {reason.rule.text}" for reason in self.why]
        rivals = [f"  {rival.score:4d}  {rival.pipeline.id}: {rival.pipeline.title}" for rival in self.rivals]
        return "\n".join([f"{self.headline()} ({self.top.score} points)", *reasons, "After it:", *rivals])

    __repr__ = __str__  # the fields of an answer fill many screens

    def _repr_html_(self) -> str:
        """Return the answer as HTML for a notebook: the pipeline, its reasons, the rivals and the changes."""
        top = self.top
        reasons = [
            f"<li><b>{reason.points:+d}</b> {escape(reason.rule.text)} "
            f"[{', '.join(map(_anchor, reason.rule.sources))}]</li>"
            for reason in top.reasons
        ]
        rivals = [f"<li>{escape(rival.pipeline.title)} ({rival.score} points)</li>" for rival in self.rivals]
        others = [f"<li>{escape(change.condition)}: {escape(change.top.title)}</li>" for change in self.would_change]
        return "".join(
            [
                f"<h3>{escape(top.pipeline.title)}</h3>",
                f"<p>method {top.pipeline.method}, {top.score} points; {escape(str(top.cost))}</p>",
                f"<ul>{''.join(reasons)}</ul>",
                f"<details><summary>{len(rivals)} rivals</summary><ol>{''.join(rivals)}</ol></details>",
                f"<details><summary>{len(others)} changes of one trait that change this answer</summary>"
                f"<ul>{''.join(others)}</ul></details>",
            ]
        )


def recommend(traits: Traits, papers: Field | None = None, task: Mapping[str, object] | None = None) -> Recommendation:
    """Return the answer to these traits; the same traits always get the same answer.

    papers: where evidence comes from, the bundled sample if left out. task: model, data and verifier, which a plan
    made from the answer takes over.
    """
    papers = papers or Field()
    ranked, ruled_out = rank(traits)
    options = tuple(
        Option(
            candidate.pipeline, candidate.score, candidate.reasons, candidate.open_needs,
            cost=estimate(candidate.pipeline, traits), evidence=papers.evidence(candidate.pipeline, traits),
            done=candidate.pipeline.done(traits),
        )
        for candidate in ranked
    )  # fmt: skip
    return Recommendation(traits, options, ruled_out, tuple(changes(traits, options[0].pipeline)), task or {})


def _row(rank: int, option: Option) -> dict[str, Cell]:
    """Return an option as a row; hours, bytes and shares are unknown (None) where the answer leaves them open."""
    cost, evidence, pipeline = option.cost, option.evidence, option.pipeline
    hours, memory = cost.gpu_hours, cost.memory
    return {
        "rank": rank,
        "id": pipeline.id,
        "title": pipeline.title,
        "stages": " → ".join(pipeline.stages),
        "method": pipeline.method,
        "score": option.score,
        "reasons": "; ".join(f"{reason.points:+d} {reason.rule.name}" for reason in option.reasons),
        "open_needs": "; ".join(option.open_needs),
        "gpu_hours_low": None if hours is None else hours.low,
        "gpu_hours_high": None if hours is None else hours.high,
        "memory_gb_low": None if memory is None else memory.adapters / 1e9,
        "memory_gb_high": None if memory is None else memory.whole / 1e9,
        "papers_k": None if evidence is None else evidence.k,
        "papers_n": None if evidence is None else evidence.n,
        "ruled_out": None,
    }


def _anchor(source: Source) -> str:
    return f'<a href="{escape(source.url)}">{escape(source.id)}</a>' if source.url else escape(source.id)
