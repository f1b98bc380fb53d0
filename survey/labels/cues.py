"""Cues: the wordings by which a paper says how its own work trains a model, and on whose data.

`data/reference/cues.toml` holds the wordings, each with a reason and with sentences that test it. They are looked for
in the sentences of own work (`survey.labels.passages`). A sentence that compares or cites without a word of "we"
speaks of others' work and is set aside: "unlike SFT", "baselines trained with PPO", "Wei et al. fine-tune".
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from posttrain.reference import reference_path
from survey.labels.passages import Part, Sentence, sentence_at, sentences
from survey.mentions.finder import fastest_engine, re_engine

if TYPE_CHECKING:  # loads Arrow, which the labels of a report do without
    from survey.store.texts import StoredText

CUES = "cues.toml"
TITLE, WE, ASIDE = "title", "we", "aside"
SCOPES = (TITLE, *(part.value for part in Part if part not in (Part.RELATED, Part.CLOSING)), WE, ASIDE)
SENTENCES = "sentences"  # the name of their number among the features
_OTHERS = re.compile(
    r"\b(?:unlike|in contrast (?:to|with)|contrary to|baselines?|compared? (?:with|to|against)|previous(?:ly)?"
    r"|prior (?:work|method|stud|approach)|existing (?:work|method|approach|stud|model)"
    r"|recent (?:work|stud|advance|method|research|effort)|future (?:work|research|direction)|could be|can be|may be)\b"
    r"|et al|\[\d+(?:,\s*\d+)*\]",
    re.IGNORECASE | re.ASCII,  # the text is bytes read as Latin-1: a curly quote must not be a letter
)
# `{0,80}` and the like: the engine takes seconds to compile them, and only has to point at sentences.
_BOUNDED = re.compile(r"\{\d+(?:,\d*)?\}\??")
_WE = re.compile(r"\b(?:we|our|ours|us|this (?:work|paper|study))\b", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Cue:
    """One wording, by several patterns. `kind` is the label that it speaks for, the part of its name before the dot."""

    name: str
    patterns: tuple[str, ...]
    reason: str
    finds: tuple[str, ...]
    passes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The label that the cue speaks for, such as sft for `sft.we-tune-lm`."""
        return self.name.partition(".")[0]

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """All patterns as one, in any case but where a pattern says otherwise."""
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.patterns), re.IGNORECASE | re.ASCII)


class CueMatch(NamedTuple):
    """A cue at bytes `start` to `end`. `own` says whether its sentence speaks of the paper's own work."""

    cue: str
    part: str  # a Part, or TITLE
    start: int
    end: int
    own: bool
    we: bool


@dataclass(frozen=True)
class Evidence:
    """The cues of one paper, and how many of its sentences could hold any."""

    matches: tuple[CueMatch, ...]
    sentences: int

    def features(self) -> Counter[str]:
        """Return the evidence as named numbers: `cue@part`, `cue@we`, `cue@aside`, and `sentences`.

        A sentence counts once for each cue, in its part where it speaks of own work, else aside.
        """
        counts: Counter[str] = Counter({SENTENCES: self.sentences})
        for match in self.matches:
            counts[f"{match.cue}@{match.part if match.own else ASIDE}"] += 1
            if match.we:
                counts[f"{match.cue}@{WE}"] += 1
        return counts


@cache
def load_cues(name: str = CUES) -> tuple[Cue, ...]:
    """Return the cues of a file of data/reference in its order; the words of cues.toml may stand in every file."""
    table = tomllib.loads(reference_path(name).read_text(encoding="utf-8"))
    words = tomllib.loads(reference_path(CUES).read_text(encoding="utf-8"))["words"] | table["words"]
    by_mark = {f"<{word}>": pattern for word, pattern in words.items()}
    return tuple(
        Cue(
            cue["name"], tuple(_filled(pattern, by_mark) for pattern in cue["patterns"]), cue["reason"],
            tuple(cue["finds"]), tuple(cue["passes"]),
        )
        for cue in table["cue"]
    )  # fmt: skip


def says_we(sentence: str) -> bool:
    """Say whether a sentence speaks of the paper's authors or of the paper: "we", "our", "this work"."""
    return _WE.search(sentence) is not None


def compares(sentence: str) -> bool:
    """Say whether a sentence compares or cites: "unlike SFT", "baselines", "Wei et al."."""
    return _OTHERS.search(sentence) is not None


class CueFinder:
    """Finds cues. Build it once: compiling the patterns takes longer than reading many papers.

    With `scan`, hyperscan (where it is installed) looks for all patterns at once and points at sentences, which the
    pattern itself then looks at; without, every sentence is looked at. Both find the same cues. The first pays
    from some ten papers on, for compiling takes seconds.
    """

    def __init__(self, scan: bool = True) -> None:
        self._cues = load_cues()
        self._of_pattern = [number for number, cue in enumerate(self._cues) for _ in cue.patterns]
        engine = fastest_engine(starts=False) if scan else re_engine
        patterns = [loosened(pattern) for cue in self._cues for pattern in cue.patterns]
        self._scan = None if engine is re_engine else engine(patterns)

    def read(self, text: "StoredText", title: str) -> Evidence:
        """Return the cues of a paper in the order of the text, those of its title first."""
        ordered = list(sentences(text))
        matches = [CueMatch(cue.name, TITLE, -1, -1, True, False) for cue in self._cues if cue.regex.search(title)]
        for sentence, cues in self._candidates(text, ordered):
            matches += self._confirmed(sentence, cues)
        return Evidence(tuple(matches), sum(sentence.part is not Part.CLOSING for sentence in ordered))

    def _candidates(self, text: "StoredText", ordered: list[Sentence]) -> Iterable[tuple[Sentence, Iterable[int]]]:
        if self._scan is None:
            every = range(len(self._cues))
            return [(sentence, every) for sentence in ordered if sentence.part is not Part.CLOSING]
        flat = bytes(text.text).replace(b"\n", b" ")
        return _by_sentence(ordered, {(end - 1, self._of_pattern[pattern]) for _, end, pattern in self._scan(flat)})

    def _confirmed(self, sentence: Sentence, cues: Iterable[int]) -> Iterable[CueMatch]:
        flat = _flat(sentence)
        we = says_we(flat)
        own = we or not compares(flat)
        for number in sorted(cues):
            match = self._cues[number].regex.search(flat)
            if match:
                start, end = sentence.start + match.start(), sentence.start + match.end()
                yield CueMatch(self._cues[number].name, sentence.part, start, end, own, we)


def loosened(pattern: str) -> str:
    """Return a pattern that ends wherever this one ends and elsewhere too: `we .{0,80}tune` becomes `we .*tune`."""
    return _BOUNDED.sub("*", pattern)


def _filled(pattern: str, words: dict[str, str]) -> str:
    for name, meaning in words.items():
        pattern = pattern.replace(name, meaning)
    return pattern


def _flat(sentence: Sentence) -> str:
    return sentence.text.replace("\n", " ")


def _by_sentence(ordered: list[Sentence], candidates: set[tuple[int, int]]) -> Iterable[tuple[Sentence, Iterable[int]]]:
    """Group (byte, cue) by the sentence that holds the byte; in order."""
    groups: dict[int, tuple[Sentence, set[int]]] = {}
    for offset, cue in sorted(candidates):
        sentence = sentence_at(ordered, offset)
        if sentence is not None and sentence.part is not Part.CLOSING:
            groups.setdefault(sentence.start, (sentence, set()))[1].add(cue)
    return groups.values()
