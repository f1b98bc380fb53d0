"""Abstract: what a title and the first characters of an abstract say of the training of the paper's own work.

An abstract has some nine sentences. Both the cues of whole texts (`survey.labels.cues`) and cues written for abstracts
(`data/reference/abstract_cues.toml`) are looked for, sentence by sentence, and counted by where they stand:

    title     the title
    before    sentences before the first that speaks of the own work: the field and its troubles
    own       the sentences from there on
    we        those of them with "we", "our", "this paper" (counted under `own` too)
    aside     those of them that compare or cite without a "we"
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import pairwise

from survey.labels.cues import ASIDE, TITLE, WE, Cue, compares, load_cues, loosened, says_we
from survey.labels.passages import SENTENCE_END
from survey.mentions.finder import fastest_engine, re_engine

FIRST_CHARACTERS = 1000  # of an abstract: one of the sources of the labelled sample cuts there
BEFORE, OWN = "before", "own"
ABSTRACT_SCOPES = (TITLE, BEFORE, OWN, WE, ASIDE)
SENTENCES = "sentences"


# "without fine-tuning", "a training-free way": words of training in such a sentence are no training of the own work.
_TRAINS_NOT = re.compile(
    r"\b(?:training|tuning|gradient)[- ]free\b"
    r"|\b(?:without|no|not|avoid\w*|eliminat\w+|instead of|rather than|nor)(?: [\w-]+){0,4}?"
    r" (?:fine-?)?(?:re)?(?:tun|train)ing\b",
    re.IGNORECASE | re.ASCII,
)


# A look ahead or behind, such as `(?!-free)`. Hyperscan has none; without them it points at some sentences too many.
_LOOKS = re.compile(r"\(\?<?[!=](?:[^()]|\([^()]*\))*\)")


class AbstractMethod(StrEnum):
    """What an abstract says that the paper's own work trains; RL means online RL."""

    SFT = "sft"
    RL = "rl"
    HYBRID = "hybrid"
    PREFERENCE = "preference"
    TRAIN_UNCLEAR = "train_unclear"  # trains a generative language model and does not say how
    NONE = "none"


class AbstractSource(StrEnum):
    """Who wrote the training targets, as far as an abstract says; for RL alone, whose prompts."""

    BENCHMARK = "benchmark"
    OPEN_WEIGHT = "open_weight"
    API = "api"
    MODEL = "model"  # some model, the abstract does not say of which kind
    HUMAN = "human"
    UNSAID = "unsaid"


NAMES_METHOD = (AbstractMethod.SFT, AbstractMethod.RL, AbstractMethod.HYBRID, AbstractMethod.PREFERENCE)


class AbstractCueFinder:
    """Finds cues in abstracts.

    With `scan` hyperscan points at sentences (where it is installed), which pays from some thousand abstracts on;
    without, every sentence is looked at. Both give the same counts.
    """

    def __init__(self, scan: bool = True) -> None:
        self._cues = abstract_cues()
        engine = fastest_engine(starts=False) if scan else re_engine
        self._of_pattern = [at for at, cue in enumerate(self._cues) for _ in cue.patterns]
        patterns = [loosened(_LOOKS.sub("", pattern)) for cue in self._cues for pattern in cue.patterns]
        self._scan = None if engine is re_engine else engine(patterns)

    def features(self, title: str, abstract: str) -> Counter[str]:
        """Return how many sentences each cue stands in, as `cue@scope`, and the number of `sentences`."""
        sentences = [(TITLE, plain(title)), *_scoped(cut(plain(abstract[:FIRST_CHARACTERS])))]
        counts: Counter[str] = Counter({SENTENCES: len(sentences) - 1})
        for scope, sentence in sentences:
            for at in self._candidates(sentence):
                if self._cues[at].regex.search(sentence):
                    counts[f"{self._cues[at].name}@{scope}"] += 1
                    if scope == OWN and says_we(sentence):
                        counts[f"{self._cues[at].name}@{WE}"] += 1
        return counts

    def _candidates(self, sentence: str) -> Iterable[int]:
        if self._scan is None:
            return range(len(self._cues))
        return sorted({self._of_pattern[pattern] for _, _, pattern in self._scan(sentence.encode("ascii"))})


def abstract_cues() -> tuple[Cue, ...]:
    """Return the cues that abstracts are read for: those of whole texts, then those of abstracts alone."""
    return (*load_cues(), *load_cues("abstract_cues.toml"))


def plain(text: str) -> str:
    """Return a text in ASCII, on one line: accents dropped, curly quotes and dashes as the straight ones."""
    text = text.translate(_STRAIGHT)
    return " ".join(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").split())


_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "‑": "-", "−": "-"})


def cut(text: str) -> list[str]:
    """Return the sentences of a text that lies on one line."""
    cuts = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    return [text[first:last].strip() for first, last in pairwise(cuts) if text[first:last].strip()]


def _scoped(sentences: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the sentences of an abstract with their scope."""
    has_begun = False
    for sentence in sentences:
        has_we = says_we(sentence)
        has_begun = has_begun or has_we
        if not has_begun:
            yield BEFORE, sentence
        else:
            is_own = (has_we or not compares(sentence)) and not _TRAINS_NOT.search(sentence)
            yield (OWN if is_own else ASIDE), sentence
