"""The benchmarks of a study and the aliases that count for them.

A study (survey/studies) holds the table; this module applies its rules: an alias looks at one candidate place in a text
and says that it counts, or why it does not.
"""

import hashlib
import json
import re
from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Self

from survey.mentions.surroundings import behind, is_address, is_person, other_expansion

if TYPE_CHECKING:  # pydantic takes a tenth of a second to load, and `survey --help` needs only the names here
    from survey.studies.model import AliasSpec, BenchmarkSpec, Study

CONTEXT = 100  # characters on either side that `near` and `not_near` look at, within the paragraph


class LexiconName(StrEnum):
    """Which spellings count: every alias with its rules, or the 26 keys as the survey printed them."""

    ALIASES = "aliases"
    PRINTED = "printed"


@dataclass(frozen=True)
class Alias:
    """One alias of a benchmark and the rules that settle its doubtful places.

    The fields are those of `survey.studies.model.AliasSpec`, explained at the head of 2603.13985.toml.
    """

    spelling: str  # or the regular expression, where the study gives one
    reason: str
    case: str = "any"
    glued: bool = True
    near: tuple[str, ...] = ()
    not_near: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()
    person: bool = False
    expands: tuple[str, ...] = ()
    addresses: bool = False
    counts: str = ""
    refuses: str = ""
    pattern: str = ""

    @classmethod
    def of(cls, spec: "AliasSpec") -> Self:
        """Return the alias that a study writes."""
        rules = {name: getattr(spec, name) for name in cls.__dataclass_fields__ if name not in ("spelling", "pattern")}
        return cls(spelling=spec.spelling or spec.pattern, pattern=spec.regex, **rules)

    def refusal(self, text: str, start: int, end: int) -> str | None:
        """Return why `text[start:end]` is not this benchmark, or None where it is."""
        name = text[start:end]
        if not (self._starts_word(text, start, name) and self._ends_word(text, end, name)):
            return f"inside the word '{_word_around(text, start, end)}'"
        if not self._has_case(name):
            return f"'{name}' in this case is not the benchmark's name"
        if not self.addresses and is_address(text, start, end):
            return "inside an address"
        if self.person and is_person(text, start, end):
            return "the name of a person"
        return self._neighbours(text, start, end) or self._context(text, start, end)

    def other(self, text: str, start: int, end: int) -> str:
        """Return why `text[start:end]` and the places behind it name another thing in this paper, or "".

        An abbreviation may be given to something else: AIME (Artificial Intelligence for Medical Examination).
        """
        words = other_expansion(text, start, end, self.expands) if self.expands else ""
        return f"the paper calls something else so: {' '.join(words.split())}" if words else ""

    def _neighbours(self, text: str, start: int, end: int) -> str | None:
        if not (self.not_after or self.not_before):
            return None
        near = text[max(0, start - 20) : start].rpartition("\n\n")[2].lower()
        for word in self.not_after:
            # a single letter belongs to the name only without a space: V-WebArena, but not "Table V WebArena"
            before = near.rstrip("-_" if len(word) == 1 else "-_ \n")
            if before.endswith(word) and not before[: -len(word)][-1:].isalpha():
                return f"another benchmark: {word}-{text[start:end]}"
        for rest in self.not_before:
            if match := behind(rest).match(text, end):
                return f"another word: {text[start : match.end()]}"
        return None

    def _context(self, text: str, start: int, end: int) -> str | None:
        if not (self.near or self.not_near):
            return None
        around = _paragraph_around(text, start, end)
        for word in self.not_near:
            if word in around:
                return f"'{word}' stands near it"
        if self.near and not any(word in around for word in self.near):
            return "in this case only near one of: " + ", ".join(self.near)
        return None

    def _has_case(self, name: str) -> bool:
        if self.case == "upper":
            return name == name.upper()
        if self.case == "capital":
            return name[0] == name[0].upper() and name != name.upper()
        return True

    def _starts_word(self, text: str, start: int, name: str) -> bool:
        before = text[start - 1 : start]
        if not before.isalnum():
            return True
        if not self.glued:
            return False
        first, second = name[0], name[1:2]
        return (
            before.isdigit() != first.isdigit()
            or (before.islower() and first.isupper())
            or (before.isupper() and first.isupper() and second.islower())
        )

    def _ends_word(self, text: str, end: int, name: str) -> bool:
        after = text[end : end + 1]
        if not after.isalnum():
            return True
        if not self.glued:
            return False
        last = name[-1]
        if after.isdigit() or last.isdigit():
            return after.isdigit() != last.isdigit()
        if after.islower() or last.islower():
            return after.islower() != last.islower()
        # Capitals on both sides: "HotpotQAEM" ends a name in mixed case, "GSM8KFigure" starts a new word.
        return name != name.upper() or text[end + 1 : end + 2].islower()


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: the key by which it is counted, its name, its domain and its aliases."""

    key: str
    name: str
    domain: str
    aliases: tuple[Alias, ...]


@dataclass(frozen=True)
class Lexicon:
    """The benchmarks of a study with the aliases that count, and a fingerprint that names exactly this set."""

    name: LexiconName
    benchmarks: tuple[Benchmark, ...]
    fingerprint: str
    study: "Study"

    @cached_property
    def domains(self) -> dict[str, str]:
        """The domain of each benchmark key."""
        return {benchmark.key: benchmark.domain for benchmark in self.benchmarks}

    @cached_property
    def aliases_by_pattern(self) -> dict[str, list[tuple[Benchmark, Alias]]]:
        """The aliases that share one regular expression, in the order of the study."""
        patterns: dict[str, list[tuple[Benchmark, Alias]]] = {}
        for benchmark in self.benchmarks:
            for alias in benchmark.aliases:
                patterns.setdefault(alias.pattern, []).append((benchmark, alias))
        return patterns


def load_lexicon(name: LexiconName = LexiconName.ALIASES, study: "Study | None" = None) -> Lexicon:
    """Return the lexicon `name` of a study, by default of the bundled one.

    `printed` counts the keys as a plain reader of the survey would: as whole words, in any case, and nothing else (so
    `wind2web` but not `mind2web`, and Bird the animal too).
    """
    from survey.studies.load import load_study

    study = study or load_study()
    benchmarks = tuple(_benchmark(study, key, spec, name) for key, spec in study.benchmarks.items())
    return Lexicon(name, benchmarks, _fingerprint(name, benchmarks), study)


def _fingerprint(name: LexiconName, benchmarks: tuple[Benchmark, ...]) -> str:
    """Return a hash of all that decides a count: the keys and their aliases with their rules, without their reasons."""
    rules = [[b.key, [astuple(replace(a, reason="", counts="", refuses="")) for a in b.aliases]] for b in benchmarks]
    return hashlib.sha256(json.dumps([name, rules]).encode()).hexdigest()[:12]


def _benchmark(study: "Study", key: str, spec: "BenchmarkSpec", lexicon: LexiconName) -> Benchmark:
    aliases = tuple(Alias.of(alias) for alias in spec.aliases)
    if lexicon is LexiconName.PRINTED:  # every character of the key stands for itself, the hyphen too
        printed = spec.printed or key
        reason = "the key as the survey printed it"
        aliases = (Alias(printed, reason, glued=False, addresses=True, pattern=re.escape(printed)),)
    return Benchmark(key, spec.name or key, study.domain_of[key], aliases)


def _word_around(text: str, start: int, end: int) -> str:
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    word = text[start:end]
    return word if len(word) <= 40 else word[:37] + "..."  # PDF text can lose the spaces of a whole line


def _paragraph_around(text: str, start: int, end: int) -> str:
    """Up to CONTEXT characters on either side, never across a blank line, so that counting stays additive."""
    before = text[max(0, start - CONTEXT) : start].rpartition("\n\n")[2]
    after = text[end : end + CONTEXT].partition("\n\n")[0]
    return " ".join((before + text[start:end] + after).split())
