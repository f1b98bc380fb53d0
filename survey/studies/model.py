"""The shape of a study: domains, benchmarks with their aliases, thresholds, window, and what a survey printed."""

import hashlib
import json
import re
from calendar import monthrange
from collections.abc import Collection, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from survey.studies import BUNDLED, MOST_MENTIONS

MOST_BENCHMARKS = 500  # one pass over a text finds all of them; more make the patterns slow to compile
# An alias that finds one of these alone would count nearly every paper.
_EVERYDAY = (
    "the",
    "a",
    "of",
    "and",
    "we",
    "in",
    "model",
    "models",
    "language",
    "training",
    "data",
    "task",
    "0",
    "2024",
)


Mentions = Annotated[int, Field(strict=True, ge=1, le=MOST_MENTIONS)]  # strict: `true` is no number
_TEXT = {"reason", "counts", "refuses"}  # fields of an alias that decide no count


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AliasSpec(_Strict):
    """One spelling of a benchmark's name, by `spelling` (a hyphen is optional) or `pattern` (a regular expression).

    The rules `case`, `glued`, `near`, `not_near`, `not_after`, `not_before`, `person`, `expands` and `addresses` settle
    doubtful places; they are explained at the head of data/reference/studies/2603.13985.toml.
    """

    spelling: str = ""
    pattern: str = ""
    reason: str = Field(min_length=1)
    case: Literal["any", "upper", "capital"] = "any"
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

    @property
    def needs_sentence(self) -> bool:
        """Say whether a rule looks at the words around a place, so that a bare name cannot settle it."""
        return bool(self.near or self.not_near or self.not_after or self.not_before or self.person)

    @cached_property
    def regex(self) -> str:
        """The regular expression of the alias, for matching the bytes of a text without regard to case."""
        if self.pattern:
            return _for_bytes(self.pattern)
        separators = {"-": "[-_]?", " ": r"[-_\s]?"}
        return "".join(separators.get(char, re.escape(char)) for char in self.spelling)

    @model_validator(mode="after")
    def _finds_a_name(self) -> "AliasSpec":
        if bool(self.spelling) == bool(self.pattern):
            raise ValueError("an alias has either a spelling or a pattern")
        if not (self.spelling or self.pattern).isprintable():
            raise ValueError(f"{self.spelling or self.pattern!r} has a character that cannot be printed")
        try:
            compiled = re.compile(self.regex, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"'{self.pattern}' is no regular expression: {error}") from error
        if compiled.search(""):
            raise ValueError(f"'{self.pattern or self.spelling}' matches the empty text, so it would match everywhere")
        if everyday := [word for word in _EVERYDAY if compiled.search(word)]:
            raise ValueError(
                f"'{self.pattern or self.spelling}' matches '{everyday[0]}', so it would match every paper"
            )
        if re.search(r"(?<!\\)\.[*+{]", self.pattern):
            raise ValueError(f"'{self.pattern}' could run over a sentence; name the characters, such as [- ]?, not .*")
        if re.search(r"\(\?[=!<P]|\\[1-9]", self.pattern):
            raise ValueError(f"'{self.pattern}' looks around or back; use near, not_near, not_after or not_before")
        return self


def _for_bytes(pattern: str) -> str:
    """Return a pattern in which each character of several bytes is a group, so that it can stand in a class or repeat.

    `['’]?s` becomes `(?:[']|’)?s`, and `τ?` becomes `(?:τ)?`.
    """

    def rewritten(match: re.Match[str]) -> str:
        part = match[0]
        wide = [char for char in part if not char.isascii()]
        if not wide or part.startswith("\\"):
            return part
        narrow = "".join(char for char in part if char.isascii())
        return f"(?:{'|'.join([*([narrow] if len(narrow) > 2 else []), *wide])})"

    return re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|[^\x00-\x7f]", rewritten, pattern)


class BenchmarkSpec(_Strict):
    """A benchmark as a study writes it: its name, and the aliases that count for it."""

    name: str = ""
    arxiv_id: str = ""
    printed: str = ""  # the key as a survey printed it, where that is not the benchmark's
    aliases: tuple[AliasSpec, ...] = Field(min_length=1)


class DomainSpec(_Strict):
    """A domain: the keys of its benchmarks."""

    benchmarks: tuple[str, ...] = Field(min_length=1)
    title: str = ""


class Window(_Strict):
    """Which papers a study is about: first versions from `since` to `until`, and arXiv categories; all by default."""

    since: date | None = None
    until: date | None = None
    categories: tuple[str, ...] = ()

    @field_validator("since", "until", mode="before")
    @classmethod
    def _month_is_its_first_or_last_day(cls, value: object, field: ValidationInfo) -> object:
        match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", value) if isinstance(value, str) else None
        if not match:
            return value
        year, month = map(int, match.groups())
        return date(year, month, 1 if field.field_name == "since" else monthrange(year, month)[1])

    @model_validator(mode="after")
    def _runs_forward(self) -> "Window":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"the window ends on {self.until}, before it begins on {self.since}")
        return self

    @property
    def is_open(self) -> bool:
        """Say whether every paper lies in the window."""
        return not (self.since or self.until or self.categories)

    def holds(self, published: date | None, categories: Collection[str]) -> bool:
        """Say whether a paper lies in the window; one without a date or categories lies in none that asks for them."""
        if (self.since or self.until) and published is None:
            return False
        if published and ((self.since and published < self.since) or (self.until and published > self.until)):
            return False
        return not self.categories or not set(self.categories).isdisjoint(categories)


class Thresholds(_Strict):
    """From how many mentions on a paper belongs to a domain: in texts, in abstracts, and by domain in texts."""

    default: Mentions = 5
    # an abstract is short and names a benchmark once
    abstract: Mentions = 1
    by_domain: Mapping[str, Mentions] = Field(default_factory=dict)


class Study(_Strict):
    """What a survey counts. `published` names a CSV file of printed numbers for each axis that has one."""

    # the name stands in the file name of the study's counts
    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    title: str = ""
    extends: str = ""
    window: Window = Window()
    threshold: Thresholds = Thresholds()
    domains: Mapping[str, DomainSpec] = Field(min_length=1)
    benchmarks: Mapping[str, BenchmarkSpec] = Field(min_length=1, max_length=MOST_BENCHMARKS)
    published: Mapping[Literal["domain", "method", "data_source"], Path] = Field(default_factory=dict)
    refused: Mapping[str, str] = Field(default_factory=dict)  # considered spellings, and why they do not count
    source: str = ""  # the name or file by which it was loaded, as a command takes it

    @property
    def warehouse(self) -> str:
        """The name of the study's warehouse, as `posttrain.settings.warehouse_path` takes it."""
        return "" if self.is_survey else self.name

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that a count rests on: aliases with their rules, domains, window.

        Thresholds and printed numbers are no part of it: a table reads them when it is made.
        """
        rules = {key: [alias.model_dump(exclude=_TEXT) for alias in b.aliases] for key, b in self.benchmarks.items()}
        domains = {name: domain.benchmarks for name, domain in self.domains.items()}
        content = [rules, domains, self.window.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    @cached_property
    def domain_of(self) -> dict[str, str]:
        """The domain of each benchmark key."""
        return {key: name for name, domain in self.domains.items() for key in domain.benchmarks}

    @property
    def is_survey(self) -> bool:
        """Say whether this is the survey arXiv:2603.13985, whose counts are the default."""
        return self.name == BUNDLED

    def threshold_of(self, domain: str) -> int:
        """Return from how many mentions in a text a paper belongs to a domain."""
        return self.threshold.by_domain.get(domain, self.threshold.default)
