"""A study of one's own: a commented file to begin with, and what is counted by one that is finished."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from posttrain.errors import ConfigurationError
from posttrain.files import make_folder, write_whole
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.trends.published import PRINTED, published_cells

TEMPLATE = """\
# A study: which benchmarks are counted, and in which domains. Change it, then: survey study check {file}
name = "{name}"
title = "Knowledge and long reasoning"

# Which papers: first versions from `since` to `until` (a day or a month), of these arXiv categories. All by default.
# [window]
# since = "2023-01"
# until = "2025-12"
# categories = ["cs.CL", "cs.LG"]

# From how many mentions on a paper belongs to a domain. `survey report --threshold N` asks for another.
[threshold]
default = 5
# by_domain = {{ knowledge = 3 }}
abstract = 1 # an abstract is short and names a benchmark once

# Every benchmark stands in one domain.
[domains.knowledge]
benchmarks = ["mmlu", "gpqa"]

[domains.reasoning]
benchmarks = ["bbh", "math-500"]

# An alias is a spelling (upper and lower case are the same; a hyphen is optional, a space may be a hyphen) or a pattern
# (a regular expression), with the reason why it counts. The longest name at a place is the one that counts.
[benchmarks.mmlu]
name = "MMLU"
aliases = [
    {{ spelling = "mmlu", glued = false, not_before = ["-Pro", " Pro"], reason = "the name; MMLU-Pro is another" }},
]

[benchmarks.gpqa]
name = "GPQA"
aliases = [{{ spelling = "gpqa", reason = "the name and its part GPQA Diamond" }}]

# Rules settle doubtful words. `case = "upper"`: only in capitals; `near`: only where one of these words stands near;
# `not_near`, `not_before`, `not_after`: not where one of these stands there; `person = true`: not where it is somebody.
[benchmarks.bbh]
name = "BIG-Bench Hard"
aliases = [
    {{ pattern = "big-?bench[ -]hard", reason = "the name with either hyphen" }},
    {{ spelling = "bbh", case = "upper", glued = false, not_near = ["black hole"], reason = "the short form" }},
]

[benchmarks.math-500]
name = "MATH-500"
aliases = [{{ spelling = "math-500", reason = "the name, also without its hyphen" }}]

# What somebody printed: CSV files with the columns period, label, value (a count, or a share in per cent).
# [published]
# domain = "printed.csv"
"""


def new_study(path: Path) -> Study:
    """Write a commented study that counts something and return it. Raises ConfigurationError where the file exists."""
    if path.suffix != ".toml":
        raise ConfigurationError(f"{path} is no .toml file", f"survey study new {path.with_suffix('.toml')}")
    if path.exists():
        raise ConfigurationError(f"{path} exists already; it stays as it is", f"survey study check {path}")
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.+-") else "-" for letter in path.stem
    )
    hint = "choose another file: survey study new FILE.toml"
    make_folder(path.parent, hint)
    write_whole(path, TEMPLATE.format(file=path, name=name.lstrip("_.+-") or "study"), hint)
    return load_study(path)


def described(study: Study) -> dict[str, Any]:
    """Return a study as plain data: each domain with its threshold, benchmarks and aliases; window; printed cells.

    Raises ConfigurationError where a file of printed numbers is no such table, or names an unknown domain.
    """
    printed = {axis.value: published_cells(axis, None, study) for axis in PRINTED}
    unknown = sorted({label for _, label in printed["domain"]} - set(study.domains))
    if unknown:
        raise ConfigurationError(
            f"{study.published['domain']} names the domain '{unknown[0]}'; expected one of {', '.join(study.domains)}",
            f"correct it, then: survey study check {study.source}",
        )
    return {
        "name": study.name,
        "title": study.title,
        "fingerprint": study.fingerprint,
        "window": study.window.model_dump(mode="json"),
        "domains": [
            {
                "name": domain,
                "threshold": study.threshold_of(domain),
                "benchmarks": {
                    key: [alias.spelling or alias.pattern for alias in study.benchmarks[key].aliases]
                    for key in spec.benchmarks
                },
            }
            for domain, spec in study.domains.items()
        ],
        "published": {axis: len(cells) for axis, cells in printed.items() if cells},
    }


def as_lines(study: Study) -> list[str]:
    """Return a study as lines for a terminal, with what may surprise: an alias that two benchmarks share."""
    about = described(study)
    aliases = sum(len(benchmark.aliases) for benchmark in study.benchmarks.values())
    lines = [
        f"{study.name}: {len(study.domains)} domains, {len(study.benchmarks)} benchmarks, {aliases} aliases",
        f"papers: {_window(study)}",
    ]
    for domain in about["domains"]:
        lines.append(f"{domain['name']} (from {_mentions(domain['threshold'])} on)")
        lines += [f"  {key:<20} {' · '.join(spellings)}" for key, spellings in domain["benchmarks"].items()]
    printed = ", ".join(f"{axis} {cells} cells" for axis, cells in about["published"].items())
    lines.append(f"printed numbers: {printed or 'none, so tables have no printed column'}")
    shared = Counter(
        regex for spec in study.benchmarks.values() for regex in {_any_case(a.regex) for a in spec.aliases}
    )
    twice = [regex for regex, benchmarks in shared.items() if benchmarks > 1]
    lines += [f"two benchmarks have the alias {regex}: the first whose rules accept it counts" for regex in twice]
    return lines


def _mentions(threshold: int) -> str:
    return f"{threshold:,} mention{'s' if threshold > 1 else ''}"


def _any_case(regex: str) -> str:
    r"""Return a pattern in small letters, for all match in any case; `\S` stays, which is not `\s`."""
    return re.sub(r"\\.|[A-Z]", lambda match: match[0] if match[0].startswith("\\") else match[0].lower(), regex)


def _window(study: Study) -> str:
    window = study.window
    span = f"first versions from {window.since or 'the first'} to {window.until or 'the last'}"
    return f"{span}, categories {', '.join(window.categories) or 'all'}"
