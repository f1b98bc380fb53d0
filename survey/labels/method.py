"""Method: how a paper's own main work trains its model, by two routes.

By cues: a rule over the counts of cues in the sentences of own work, that one can follow with a finger. By the
classifier: the same cues, weighed as readers' labels teach (`survey.labels.classifier`). Both are kept, and the
quality of each is measured apart and together (docs/labels.md).
"""

from collections.abc import Mapping
from math import log

from survey.labels.cues import ASIDE, SENTENCES, TITLE, load_cues
from survey.labels.passages import Part
from survey.labels.readings import Method

Features = Mapping[str, int]  # cue@part → sentences

OWN = (TITLE, Part.ABSTRACT, Part.INTRODUCTION, Part.OWN)
FRONT = (TITLE, Part.ABSTRACT, Part.INTRODUCTION)
_TUNES_LM = (
    "sft.we-tune-lm", "sft.lm-is-tuned", "sft.tuned-lm", "sft.tuning-of-lm", "sft.stage", "sft.adapter",
    "hybrid.we-do-sft",
)  # fmt: skip
_OTHER_NETWORKS = ("other.we-train", "other.contrastive")
_BOTH = ("hybrid.sequence", "hybrid.joint", "hybrid.cold-start", "hybrid.we-do-sft")
_ONLINE_ALONE = ("hybrid.without", "hybrid.versus")
_ONLINE = ("rl.name", "rl.algorithm", "rl.we-use", "rl.trained")
_PREFERENCE = ("preference.name", "preference.we-use")

# The least number of sentences of own work for a rule. Set by hand, on papers that are not used to measure it.
LEAST_TUNING = 8
LEAST_ONLINE_NAMED = 3
LEAST_ONLINE_DONE = 3
LEAST_PREFERENCE = 4


def sentences_of(counts: Features, cues: tuple[str, ...], parts: tuple[str, ...] = OWN) -> int:
    """Return in how many sentences of these parts these cues stand."""
    return sum(counts.get(f"{cue}@{part}", 0) for cue in cues for part in parts)


def method_by_cues(counts: Features) -> Method:
    """Return the method that the rule gives for a paper's cues; `unclear` for a paper without any."""
    if not any("@" in name for name in counts):
        return Method.UNCLEAR
    tuning = sentences_of(counts, _TUNES_LM)
    is_online = (
        sentences_of(counts, ("rl.algorithm",)) >= LEAST_ONLINE_NAMED
        and sentences_of(counts, ("rl.we-use", "rl.trained")) >= LEAST_ONLINE_DONE
    )
    if is_online:
        both, alone = sentences_of(counts, _BOTH), sentences_of(counts, _ONLINE_ALONE)
        return Method.HYBRID if both > alone + 2 else Method.RL
    if sentences_of(counts, _PREFERENCE) >= LEAST_PREFERENCE and sentences_of(counts, ("preference.we-use",)):
        return Method.PREFERENCE
    says_none = sentences_of(counts, ("none.training-free",), FRONT)
    if tuning >= LEAST_TUNING and tuning > sentences_of(counts, _OTHER_NETWORKS) and not says_none:
        return Method.SFT
    return Method.NONE


def balances(counts: Features) -> list[float]:
    """Return the ratios between kinds of cues, as logarithms: a sum of single cues does not see them."""
    tuning, online = sentences_of(counts, _TUNES_LM), sentences_of(counts, _ONLINE)
    preference = sentences_of(counts, _PREFERENCE)
    both = sentences_of(counts, _BOTH)
    return [
        log((both + 0.5) / (sentences_of(counts, _ONLINE_ALONE) + 1)),
        log((both + 0.5) / (online + 1)),
        log((sentences_of(counts, ("sft.name",)) + 0.5) / (online + 1)),
        log((tuning + 0.5) / (sentences_of(counts, _OTHER_NETWORKS) + 1)),
        log(
            (sentences_of(counts, _TUNES_LM, FRONT) + 0.5) / (sentences_of(counts, ("none.training-free",), FRONT) + 1)
        ),
        log((tuning + 0.5) / (sentences_of(counts, _TUNES_LM, (ASIDE,)) + 1)),
        log((preference + 0.5) / (online + 1)),
        log((preference + 0.5) / (tuning + 1)),
        log((online + 0.5) / (tuning + 1)),
        log(tuning + 1),
        log(online + 1),
    ]


def shares(counts: Features) -> list[float]:
    """Return how much of a paper each cue fills, as logarithms: a long survey speaks of training too."""
    length = log(counts.get(SENTENCES, 0) + 1)
    return [log(sentences_of(counts, (cue.name,)) + 1) - length for cue in load_cues()] + [length]
