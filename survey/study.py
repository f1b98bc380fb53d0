"""A study: which benchmarks a survey counts, in which domains, at which threshold and window, and what was printed.

A study is a TOML file. The bundled ones lie in data/reference/studies and are named without a path: `2603.13985` is the
survey whose tables posttrain compares with, and the default. A study of one's own begins with `survey study new FILE`.

    name = "web-agents"
    [domains.web]
    benchmarks = ["webarena"]
    [benchmarks.webarena]
    aliases = [{ pattern = "web-?arena", reason = "the name, also hyphenated at a line end" }]
"""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.suggest import nearest

BUNDLED = "2603.13985"
MOST_BENCHMARKS = 500  # one pass over a text finds all of them; more make the patterns slow to compile
_WORD = re.compile(r"[a-z0-9][a-z0-9_.+-]*")  # what a key or a domain may be called: it stands in files and addresses
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AliasSpec(_Strict):
    """One spelling of a benchmark's name, by `spelling` (a hyphen is optional) or `pattern` (a regular expression).

    The rules `case`, `glued`, `near`, `not_near`, `not_after` and `not_before` settle doubtful places; they are
    explained at the head of data/reference/studies/2603.13985.toml.
    """

    spelling: str = ""
    pattern: str = ""
    reason: str
    case: Literal["any", "upper", "capital"] = "any"
    glued: bool = True
    near: tuple[str, ...] = ()
    not_near: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()
    counts: str = ""
    refuses: str = ""

    @property
    def needs_sentence(self) -> bool:
        """Say whether a rule looks at the words around a place, so that a bare name cannot settle it."""
        return bool(self.near or self.not_near or self.not_after or self.not_before)

    @cached_property
    def regex(self) -> str:
        """The regular expression of the alias, for matching without regard to case."""
        if self.pattern:
            return self.pattern
        separators = {"-": "[-_]?", " ": r"[-_\s]?"}
        return "".join(separators.get(char, re.escape(char)) for char in self.spelling)

    @model_validator(mode="after")
    def _finds_a_name(self) -> "AliasSpec":
        if bool(self.spelling) == bool(self.pattern):
            raise ValueError("an alias has either a spelling or a pattern")
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
        if re.search(r"\(\?[=!<P]|\\[1-9]", self.pattern):
            raise ValueError(f"'{self.pattern}' looks around or back; use near, not_near, not_after or not_before")
        return self


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
    def _month_is_a_day(cls, value: object) -> object:
        return f"{value}-01" if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}", value) else value

    @model_validator(mode="after")
    def _runs_forward(self) -> "Window":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"the window ends on {self.until}, before it begins on {self.since}")
        return self


class Thresholds(_Strict):
    """From how many mentions on a paper belongs to a domain: in texts, in abstracts, and by domain in texts."""

    default: int = Field(default=5, ge=1, le=1000)
    abstract: int = Field(default=1, ge=1, le=1000)  # an abstract is short and names what a paper is about once
    by_domain: Mapping[str, int] = Field(default_factory=dict)


class Study(_Strict):
    """What a survey counts. `published` names a CSV file of printed numbers for each axis that has one."""

    name: str
    title: str = ""
    extends: str = ""
    window: Window = Window()
    threshold: Thresholds = Thresholds()
    domains: Mapping[str, DomainSpec] = Field(min_length=1)
    benchmarks: Mapping[str, BenchmarkSpec] = Field(min_length=1, max_length=MOST_BENCHMARKS)
    published: Mapping[Literal["domain", "method", "data_source"], Path] = Field(default_factory=dict)
    refused: Mapping[str, str] = Field(
        default_factory=dict
    )  # spellings that were considered, and why they do not count
    fingerprint: str = ""

    @cached_property
    def domain_of(self) -> dict[str, str]:
        """The domain of each benchmark key."""
        return {key: name for name, domain in self.domains.items() for key in domain.benchmarks}

    @property
    def is_bundled_survey(self) -> bool:
        """Say whether this is the survey that the bundled full-text counts were made for."""
        return self.name == BUNDLED

    def threshold_of(self, domain: str) -> int:
        """Return from how many mentions in a text a paper belongs to a domain."""
        return self.threshold.by_domain.get(domain, self.threshold.default)


def load_study(name: str | Path = BUNDLED) -> Study:
    """Return a bundled study by name, or that of a TOML file. Raises ConfigurationError with the line at fault."""
    path = _path_of(str(name))
    text = _text_of(path)
    table = _table_of(path, text)
    parent = table.get("extends")
    if parent:
        table = _extended(path, text, table, str(parent))
    _check_names(path, text, table)
    fingerprint = hashlib.sha256((str(parent or "") + text).encode()).hexdigest()[:12]
    try:
        study = Study.model_validate({**table, "fingerprint": fingerprint})
    except ValidationError as error:
        raise _error(path, text, error) from error
    return study.model_copy(update={"published": _published(path, text, study)})


def bundled_studies() -> list[str]:
    """Return the names of the studies that come with posttrain, the survey first."""
    names = sorted(path.stem for path in reference_path("studies").glob("*.toml"))
    return [BUNDLED, *(name for name in names if name != BUNDLED)]


def _path_of(name: str) -> Path:
    path = Path(name).expanduser()
    if path.suffix == ".toml" or "/" in name or path.exists():
        return path
    if name in bundled_studies():
        return reference_path("studies") / f"{name}.toml"
    known = ", ".join(bundled_studies())
    raise ConfigurationError(
        f"there is no study '{name}'{_meant(name, bundled_studies())}; expected a .toml file or one of {known}",
        "survey study new my-study.toml",
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no file {path}", f"survey study new {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", "give a TOML file in UTF-8") from error


def _table_of(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is not TOML: {error}", f"correct {path}; survey study check {path}"
        ) from error


def _extended(path: Path, text: str, table: dict[str, Any], parent: str) -> dict[str, Any]:
    """Return the table of a study with that of the study it extends below it; domains and benchmarks are joined."""
    if parent not in bundled_studies():
        known = ", ".join(bundled_studies())
        raise _at(path, _line(text, ("extends",)), f"extends is '{parent}'; expected one of {known}")
    below = tomllib.loads(_text_of(_path_of(parent)))
    joined = {**below, **table}
    for name in ("domains", "benchmarks"):
        joined[name] = {**below.get(name, {}), **table.get(name, {})}
    joined["published"] = table.get("published", {})  # printed numbers belong to the study that printed them
    return joined


def _check_names(path: Path, text: str, table: Mapping[str, Any]) -> None:
    """Refuse what single fields cannot show: odd keys, benchmarks in two domains or in none, unknown domains."""
    domains, benchmarks = table.get("domains"), table.get("benchmarks")
    if not isinstance(domains, dict) or not isinstance(benchmarks, dict):
        return  # the model says what is missing
    for place, message in (*_odd_keys(domains, benchmarks), *_misplaced(domains, benchmarks)):
        raise _at(path, _line(text, place), message)
    threshold = table.get("threshold")
    by_domain = threshold.get("by_domain", {}) if isinstance(threshold, dict) else {}
    for name in by_domain:
        if name not in domains:
            raise _at(path, _line(text, ("by_domain", name)), f"a threshold for '{name}', which is no domain")


Fault = tuple[tuple[int | str, ...], str]  # the place of a fault, and the sentence on it


def _odd_keys(*tables: Mapping[str, Any]) -> Iterator[Fault]:
    for kind, table in zip(("domain", "benchmark"), tables, strict=True):
        for name in table:
            if not _WORD.fullmatch(name):
                message = f"the {kind} '{name}'; expected lower-case letters, digits and . _ + -"
                yield (f"{kind}s", name), message


def _misplaced(domains: Mapping[str, Any], benchmarks: Mapping[str, Any]) -> Iterator[Fault]:
    tables = ((name, spec) for name, spec in domains.items() if isinstance(spec, dict))
    listed = [(name, str(key)) for name, spec in tables for key in spec.get("benchmarks", ())]
    often = Counter(key for _, key in listed)
    for domain, key in listed:
        if key not in benchmarks:
            meant = _meant(key, benchmarks)
            yield ("domains", domain, key), f"domain '{domain}' names '{key}', which is no benchmark{meant}"
    for domain, key in reversed(listed):  # the second of two places is the one to change
        if often[key] > 1:
            others = " and in ".join(dict.fromkeys(name for name, other in listed if other == key))
            yield ("domains", domain, key), f"the benchmark '{key}' stands in {others}; expected one domain"
    for key in benchmarks:
        if key not in often:
            yield ("benchmarks", key), f"the benchmark '{key}' is in no domain"


def _published(path: Path, text: str, study: Study) -> Mapping[str, Path]:
    """Return the files of printed numbers, relative to the study's own file."""
    files: dict[str, Path] = {axis: (path.parent / file).resolve() for axis, file in study.published.items()}
    for axis, file in files.items():
        if not file.is_file():
            raise _at(path, _line(text, ("published", axis)), f"there is no file {file}")
    return files


def _error(path: Path, text: str, error: ValidationError) -> ConfigurationError:
    """Return the first fault of a study as a sentence with its line."""
    fault = error.errors()[0]
    place = tuple(part for part in fault["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    dotted = ".".join(str(part) for part in place)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(place[:-1])
        message = f"unknown key '{dotted}'{_meant(str(place[-1]), known)}; expected one of {', '.join(known)}"
    elif fault["type"] == "missing":
        message = f"'{dotted}' is missing"
    else:
        message = f"{dotted}: {fault['msg'].removeprefix('Value error, ')}"
    return _at(path, _line(text, place), message)


def _fields_at(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a table at this place of a study may have."""
    models: dict[str, type[BaseModel]] = {"window": Window, "threshold": Thresholds, "domains": DomainSpec}
    model: type[BaseModel] = models.get(str(place[0]), Study) if place else Study
    if place and place[0] == "benchmarks":
        model = AliasSpec if "aliases" in place else BenchmarkSpec
    return [name for name in model.model_fields if name != "fingerprint"]


def _meant(name: str, known: Iterable[str]) -> str:
    guess = nearest(name, known)
    return f" (did you mean '{guess}'?)" if guess else ""


def _at(path: Path, line: int, message: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}: {message}", f"correct it, then: survey study check {path}")


def _line(text: str, place: tuple[int | str, ...]) -> int:
    """Return the line of a key in TOML text: each name is looked for behind the one before, an index by its braces.

    tomllib keeps no lines. ("benchmarks", "webarena", "aliases", 1, "patern") is the line of `patern` in the second
    inline table behind `aliases`, behind the header [benchmarks.webarena].
    """
    header = ".".join(f'"?{re.escape(str(part))}"?' for part in place[:2])
    match = re.search(rf"^\s*\[{header}\]", text, re.MULTILINE) if len(place) > 1 else None
    position, rest = (match.end(), place[2:]) if match else (0, place)
    for part in rest:
        if isinstance(part, int):
            starts = [match.start() for match in re.finditer(r"\{", text[position:])]
            position += starts[min(part, len(starts) - 1)] if starts else 0
        else:
            position = next(_places(text, part, position), position)
    return text.count("\n", 0, position) + 1


def _places(text: str, name: str, start: int) -> Iterator[int]:
    for match in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text[start:]):
        yield start + match.start()
