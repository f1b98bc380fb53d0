"""Loading a study: its TOML file checked, with every fault as a sentence that names the line.

A study is a TOML file. The bundled ones lie in data/reference/studies and are named without a path: `2603.13985` is the
survey whose tables posttrain compares with, and the default. A study of one's own begins with `survey study new FILE`.

    name = "web-agents"
    [domains.web]
    benchmarks = ["webarena"]
    [benchmarks.webarena]
    aliases = [{ pattern = "web-?arena", reason = "the name, also hyphenated at a line end" }]
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.suggest import nearest
from survey.studies import BUNDLED, MOST_MENTIONS
from survey.studies.model import AliasSpec, BenchmarkSpec, DomainSpec, Study, Thresholds, Window

_WORD = re.compile(r"[a-z0-9][a-z0-9_.+-]*")  # what a key or a domain may be called: it stands in files and addresses

_LONGEST = 60  # characters of a value in an error
_EXPECTED = {  # how the kinds of faults begin, and the value of TOML that was expected
    "string_type": "text in quotes",
    "string_too_short": "at least one letter",
    "tuple_type": "a list in brackets",
    "too_short": "at least one entry",
    "model_type": "a table",
    "dict_type": "a table",
    "mapping_type": "a table",
    "int_": "a whole number",
    "greater_than": "1 or more",
    "less_than": f"{MOST_MENTIONS:,} at most",
    "bool_": "true or false",
    "date_": 'a day or a month, such as "2025-03-01" or "2025-03"',
    "path_type": "the name of a file in quotes",
}


def load_study(name: str | Path = BUNDLED) -> Study:
    """Return a bundled study by name, or that of a TOML file. Raises ConfigurationError with the line at fault."""
    return _bundled(str(name)) if str(name) in bundled_studies() else _load(_path_of(str(name)))


@cache
def _bundled(name: str) -> Study:
    return _load(_bundled_path(name))


def _load(path: Path) -> Study:
    text = _text_of(path)
    table = _table_of(path, text)
    if not table:
        message = f"{path}, line 1: a study has at least a name, domains and benchmarks; this file is empty"
        raise ConfigurationError(message, "survey study new OTHER.toml, which writes a study to change")
    parent = table.get("extends")
    if parent:
        table = _extended(path, text, table, str(parent))
    try:
        study = Study.model_validate({**table, "source": _source(path)})
    except ValidationError as error:
        raise _error(path, text, error) from error
    _check_names(path, text, table)
    if study.name in bundled_studies() and _source(path) != study.name:
        message = f"name is '{study.name}', a study that comes with posttrain; expected another"
        raise _at(path, _line(text, ("name",)), message)
    return study.model_copy(update={"published": _published(path, text, study)})


@cache
def bundled_studies() -> tuple[str, ...]:
    """Return the names of the studies that come with posttrain, the survey first."""
    names = sorted(path.stem for path in reference_path("studies").glob("*.toml"))
    return (BUNDLED, *(name for name in names if name != BUNDLED))


def _bundled_path(name: str) -> Path:
    return reference_path("studies") / f"{name}.toml"


def _source(path: Path) -> str:
    bundled = path.stem in bundled_studies() and path.resolve() == _bundled_path(path.stem).resolve()
    return path.stem if bundled else str(path)


def _path_of(name: str) -> Path:
    path = Path(name).expanduser()
    if path.suffix == ".toml" or "/" in name or path.is_file():
        return path
    known = ", ".join(bundled_studies())
    raise ConfigurationError(
        f"there is no study '{name}'{_meant(name, bundled_studies())}; expected a .toml file or one of {known}",
        "survey study new my-study.toml",
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # a Windows editor writes a mark before the first letter
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no file {path}", f"survey study new {path}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _at(path, line, f"the byte 0x{error.object[error.start]:02x} is not UTF-8") from error
    except OSError as error:
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
    below = tomllib.loads(_text_of(_bundled_path(parent)))
    joined = {**below, **table}
    for name in ("domains", "benchmarks"):
        if isinstance(own := table.get(name, {}), dict):  # the model refuses another value
            joined[name] = {**below[name], **own}
    joined.pop("name")  # and the title are the study's own
    joined |= {key: table[key] for key in ("name",) if key in table} | {"title": table.get("title", "")}
    joined["published"] = table.get("published", {})  # printed numbers belong to the study that printed them
    return joined


def _check_names(path: Path, text: str, table: Mapping[str, Any]) -> None:
    """Refuse what single fields cannot show: odd keys, benchmarks in two domains or in none, unknown domains."""
    domains, benchmarks = table["domains"], table["benchmarks"]
    for keys, message in (*_odd_keys(domains, benchmarks), *_misplaced(domains, benchmarks)):
        raise _at(path, _line(text, keys), message)
    threshold = table.get("threshold")
    by_domain = threshold.get("by_domain", {}) if isinstance(threshold, dict) else {}
    for name in by_domain:
        if name not in domains:
            raise _at(path, _line(text, ("by_domain", name)), f"a threshold for '{name}', which is no domain")


Fault = tuple[tuple[int | str, ...], str]  # the keys that lead to a fault, and the sentence on it


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
            domains_of = dict.fromkeys(name for name, other in listed if other == key)
            where = " and in ".join(domains_of) if len(domains_of) > 1 else f"{domain} twice"
            yield ("domains", domain, key), f"the benchmark '{key}' stands in {where}; expected one domain"
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
    """Return a fault of a study as a sentence with its line: an unknown key, else the first."""
    faults = error.errors()
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    keys = tuple(part for part in fault["loc"] if not str(part).startswith(("function-", "[key]")))
    dotted = ".".join(str(part) for part in keys)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(keys[:-1])
        message = f"unknown key '{dotted}'{_meant(str(keys[-1]), known)}; expected one of {', '.join(known)}"
    elif keys == ("name",) and fault["type"] == "string_pattern_mismatch":
        message = f"name is '{fault['input']}'; expected letters, digits and . _ + -, beginning with a letter or digit"
    elif fault["type"] == "missing":
        message = f"'{dotted}' is missing"
        keys = keys[:-1]  # the table that lacks it
    elif expected := next((words for kind, words in _EXPECTED.items() if fault["type"].startswith(kind)), ""):
        message = f"{dotted} is {_shown(fault['input'])}; expected {expected}"
        if fault["type"] == "model_type" and "aliases" in keys:
            message += ', such as { spelling = "gpqa", reason = "the name" }'
    elif fault["type"] == "literal_error":
        is_key = fault["loc"][-1] == "[key]"
        fact = f"unknown key '{dotted}'" if is_key else f"{dotted} is {_shown(fault['input'])}"
        message = f"{fact}; expected {fault['ctx']['expected']}"
    else:
        message = f"{dotted}: {fault['msg'].removeprefix('Value error, ').replace('Input should be', 'expected')}"
    return _at(path, _line(text, keys), message)


def _shown(value: object) -> str:
    """Return a value of TOML in an error as it is written there, a long one by its kind."""
    if isinstance(value, dict | list | tuple):
        kind = "table" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    written = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}…"


def _fields_at(keys: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a table under these keys of a study may have."""
    models: dict[str, type[BaseModel]] = {"window": Window, "threshold": Thresholds, "domains": DomainSpec}
    model: type[BaseModel] = models.get(str(keys[0]), Study) if keys else Study
    if keys and keys[0] == "benchmarks":
        model = AliasSpec if "aliases" in keys else BenchmarkSpec
    return [name for name in model.model_fields if name != "source"]


def _meant(name: str, known: Iterable[str]) -> str:
    guess = nearest(name, known)
    return f" (did you mean '{guess}'?)" if guess else ""


def _at(path: Path, line: int, message: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {line}: {message}", f"correct it, then: survey study check {path}")


def _line(text: str, keys: tuple[int | str, ...]) -> int:
    """Return the line of a key in TOML text: each name is looked for behind the one before, an index by its braces.

    tomllib keeps no lines. ("benchmarks", "webarena", "aliases", 1, "patern") is the line of `patern` in the second
    inline table behind `aliases`, behind the header [benchmarks.webarena], or behind `webarena.` below [benchmarks].
    """
    position, rest = _beginning(text, keys)
    for part in rest:
        if isinstance(part, int):
            starts = [match.start() for match in re.finditer(r"\{", text[position:])]
            position += starts[min(part, len(starts) - 1)] if starts else 0
        else:
            position = next(_occurrences(text, part, position), position)
    return text.count("\n", 0, position) + 1


def _beginning(text: str, keys: tuple[int | str, ...]) -> tuple[int, tuple[int | str, ...]]:
    """Return the position behind the table header or the line that the first keys stand for, and the other keys."""
    names = [rf'"?{re.escape(str(key))}"?' for key in keys[:2]]
    for used in range(len(names), 0, -1):
        header = re.search(r"^[ \t]*\[" + r"\.".join(names[:used]) + r"\]", text, re.MULTILINE)
        if header and used == len(keys):
            return header.end(), ()
        if header and used == 2:
            return header.end(), keys[2:]
        if header:
            line = re.compile(rf"^[ \t]*(?={names[1]}[ \t]*[.=])", re.MULTILINE).search(text, header.end())
            return (line.end(), keys[2:]) if line else (header.end(), keys[1:])
    line = re.search(rf"^[ \t]*(?={names[0]}[ \t]*[.=])", text, re.MULTILINE) if names else None
    return (line.end(), keys[1:]) if line else (0, keys)


def _occurrences(text: str, name: str, start: int) -> Iterator[int]:
    for match in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text[start:]):
        yield start + match.start()
