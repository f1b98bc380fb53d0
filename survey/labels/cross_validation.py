"""Cross-validation: every paper with several readings, read by a classifier that has not seen it.

The papers are cut into ten folds; each fold is read by a classifier fitted to all other labelled papers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold

from posttrain.errors import ConfigurationError
from survey.labels.classifier import Classifier, decide, examples_of
from survey.labels.data_source import sources_by_cues
from survey.labels.method import Features
from survey.labels.readings import Reading, by_paper, settled_method, settled_source
from survey.labels.validation import IN_DISPUTE, NOT_TRAINING, Checked

_FOLDS = 10


def cross_validate(
    readings: Sequence[Reading],
    features: Mapping[str, Features],
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> list[Checked]:
    """Return every paper with several readings, read unseen. Raises PosttrainError where labels are too few."""
    examples = examples_of(readings, features)
    papers = by_paper(readings)
    several = [paper for paper, own in papers.items() if len(own) > 1 and paper in features]
    strata = [str(settled_method(papers[paper])) for paper in several]
    if len(several) < 2 * _FOLDS:
        raise ConfigurationError(
            f"{len(several)} papers have several readings; at least {2 * _FOLDS} are needed to measure anything",
            "survey annotate next --labeller ANOTHER --second",
        )
    checked: list[Checked] = []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(np.zeros(len(several)), strata)
    for done, (_, held_out) in enumerate(folds, start=1):
        unseen = {several[at]: features[several[at]] for at in held_out}
        try:
            seen = {paper: example for paper, example in examples.items() if paper not in unseen}
            classifier = Classifier.fitted(seen)
        except ValueError as error:
            raise ConfigurationError(f"too few labels to learn from: {error}", "survey annotate next") from error
        for paper, prediction in classifier.predict(unseen).items():
            decision = decide(features[paper], prediction)
            by_cues = sources_by_cues(features[paper])
            method, source = settled_method(papers[paper]), settled_source(papers[paper])
            checked.append(
                Checked(
                    paper, papers[paper][0].drawn, method or IN_DISPUTE, decision.by_cues, decision.by_classifier,
                    decision.method,
                    (source or IN_DISPUTE) if all(reading.primary for reading in papers[paper]) else NOT_TRAINING,
                    by_cues[0] if by_cues else "", prediction.primary,
                )
            )  # fmt: skip
        advance(done, _FOLDS)
    return sorted(checked, key=lambda paper: paper.arxiv_id)
