"""Data source: who wrote the targets that a paper trains on, by cues. `survey.labels.classifier` is the other route."""

from survey.labels.method import Features, sentences_of
from survey.labels.readings import DataSource

_CUES = {
    DataSource.BENCHMARK: ("benchmark.split", "benchmark.sampled"),
    DataSource.OPEN_WEIGHT: ("open_weight.writes", "open_weight.own-samples", "sft.self"),
    DataSource.API: ("api.writes", "api.trains"),
    DataSource.HUMAN: ("human.writes", "human.logs"),
}
_SHARE = 0.25  # of all sentences on sources; below it a source is not named


def sources_by_cues(counts: Features) -> list[DataSource]:
    """Return the sources that the cues of a paper name, the most named first; none where no cue does."""
    named = {source: sentences_of(counts, cues) for source, cues in _CUES.items()}
    total = sum(named.values())
    ranked = sorted(named, key=lambda source: -named[source])
    return [source for source in ranked if total and named[source] / total >= _SHARE]
