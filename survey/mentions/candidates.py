"""Candidates: the names in one paper, and whether it speaks of each as of a benchmark.

A name is a word of unusual shape (MMLU, HellaSwag, MATH-500, 2WikiMultihopQA), a capitalised word that the paper
never writes small (Spider), or up to three such words in a row (Natural Questions). The words next to it say what
it is: "the X dataset" and "evaluated on X" against "the X model" and "trained on X". Nothing here knows any name.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from posttrain.reference import reference_path
from survey.section import Section
from survey.store.texts import StoredText

_BACK = 72  # bytes before a name that are read for an announcement, and words
_WORDS_BACK = 7
_BETWEEN = ("the", "both", "(", "popular", "standard", "two", "three", "several")  # on the X, on both X and Y
_HEADS = 3  # lines above the first row of scores that can be the head of its table

# Texts are read as Latin-1: a character is a byte, so that places are offsets into the stored text. Repetitions are
# bounded, for a page of letters without a space (a key, a picture in base64) would otherwise take hours.
_TOKEN = (
    r"(?:\xcf\x84\d?-?[Bb]ench"  # τ-bench
    r"|(?:[A-Z](?<![A-Z0-9\x80-\xff].)|\d[A-Z](?<![A-Za-z0-9\x80-\xff]..))[A-Za-z0-9]{0,40}"
    r"(?:[-_](?:[A-Z0-9][A-Za-z0-9]{0,40}|bench)|\.\d{1,4}){0,6}(?:\+\+?)?(?![A-Za-z0-9\x80-\xff]))"
)
# MMLU, HellaSwag, MATH-500, GSM8K, 2WikiMultihopQA, AIME_2024, HumanEval+, LLaMA-3.1
_WORD = re.compile(_TOKEN)
# up to four of them in a row: Natural Questions, Measuring Massive Multitask Language
_RUN = re.compile(rf"{_TOKEN}(?:[ \n]{_TOKEN}){{0,3}}")
_SMALL_HEAD = 3  # small letters that a name may begin with: bAbI, zsRE, tau-Bench
_SIZED = re.compile(r"\d[Bb]\b|-(?:Instruct|Chat|Base)\b")  # LLaMA-3-8B, Qwen-Chat: the name of a model
# the rest of a citation: "Lee et al", "Lee and Kim, 2024", "Lee (2024", "Lee, J."
_AUTHOR = re.compile(r" et al|(?: and [A-Z][a-z]+)?,? \(?(?:19|20)\d\d|, [A-Z]\.")
# a citation behind a name: " (Lee et al., 2024)", " [12, 13]"
_CITED = r"(?:\s?\([^()]{4,60}\d{4}[a-z]?\)|\s?\[[\d,\s-]{1,20}\])?"
# the word behind a name and its citation: "X dataset", "X [12] test set"
_AFTER = re.compile(rf"{_CITED}[ \n]([a-z][\w-]*)(?:[ \n](sets?|splits?|suite)\b)?", re.IGNORECASE)
# between two names of a list: ", ", " and the ", "/", " [12], and "
_NEXT_IN_LIST = re.compile(rf"{_CITED}(?:\s?[,;/&]\s?(?:and |or )?|\s(?:and|or)\s)(?:the\s)?")
# 71.2, -3, 85%, but not the 8 of GSM8K or the 3 of 3B
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,3}(?:\.\d{1,4})?%?(?![\w.]*[A-Za-z])")
_DECIMAL = re.compile(r"\d\.\d")


class Naming(NamedTuple):
    """One name in one paper: a spelling, the byte of its first use, and the words about it anywhere."""

    spelling: str
    offset: int
    called: bool  # a benchmark, data set or test set, in words
    otherwise: bool  # a model, a method, a metric or training data, in words
    scored: bool  # in the head or a row of a table with scores, or in a caption


class _Site(NamedTuple):
    start: int
    end: int
    called: bool
    otherwise: bool
    scored: bool


@dataclass(frozen=True)
class _Cues:
    """The committed word groups."""

    nouns: frozenset[str]
    called: frozenset[str]
    called_many: frozenset[str]
    otherwise: frozenset[str]
    announces: frozenset[str]
    evaluated: tuple[str, ...]
    trained: tuple[str, ...]


@cache
def _cues() -> _Cues:
    table = tomllib.loads(reference_path("discover.toml").read_text(encoding="utf-8"))
    words = {group: row["words"] for group, row in table.items()}
    sets = ("called", "called_many", "otherwise", "announces")
    return _Cues(
        nouns=frozenset(word for group in sets[:3] for word in words[group]),
        **{group: frozenset(words[group]) for group in sets},
        evaluated=tuple(words["evaluated"]), trained=tuple(words["trained"]),
    )  # fmt: skip


def key_of(spelling: str) -> str:
    """Return the key that all spellings of a name share: without case, hyphens, spaces and a plural's small s.

    Digits and plus signs stay, since MATH-500 is not MATH and HumanEval+ not HumanEval.
    """
    joined = re.sub(r"[-_\s]", "", spelling)
    if joined.endswith("s") and not joined.endswith("ss"):
        joined = joined[:-1]
    return joined.lower().replace("τ", "tau")


def names_in(text: StoredText) -> dict[str, Naming]:
    """Return the names in a paper outside its references, by key."""
    content = str(text.text, "latin-1")
    words = set(content.split())
    namings: dict[str, Naming] = {}
    for start, end, section in _pieces(text, len(content)):
        for site in _sites(content, start, end, section, words):
            spelling, key = _spelt(content[site.start : site.end])
            before = namings.get(key)
            if before is None:
                namings[key] = Naming(spelling, site.start, site.called, site.otherwise, site.scored)
            elif site.called > before.called or site.otherwise > before.otherwise or site.scored > before.scored:
                namings[key] = before._replace(
                    called=before.called or site.called,
                    otherwise=before.otherwise or site.otherwise,
                    scored=before.scored or site.scored,
                )
    return namings


@lru_cache(maxsize=100_000)
def _spelt(raw: str) -> tuple[str, str]:
    spelling = " ".join(raw.encode("latin-1").decode("utf-8", "replace").split())
    return spelling, key_of(spelling)


def _pieces(text: StoredText, length: int) -> Iterator[tuple[int, int, Section]]:
    spans = text.spans or ((0, Section.BODY),)
    for (start, section), (end, _) in zip(spans, [*spans[1:], (length, Section.BODY)], strict=True):
        if section is not Section.REFERENCES:
            yield start, end, section


def _sites(content: str, start: int, end: int, section: Section, words: set[str]) -> list[_Site]:
    sites: list[_Site] = []
    if section is not Section.TABLE:
        sites += _in_words(content, start, end, section is Section.CAPTION, words)
    if section is not Section.CAPTION:
        sites += _in_tables(content, start, end, words)
    return sites


def _in_words(content: str, start: int, end: int, scored: bool, words: set[str]) -> list[_Site]:
    """Return the names of running text; the words about one name of a list apply to all of it."""
    sites: list[_Site] = []
    chain: list[tuple[int, int]] = []
    for run in _RUN.finditer(content, start, end):
        if (raw := run[0]).isalpha() and raw.istitle() and raw.lower() in words:
            continue  # the first word of a sentence, as most runs are
        bounds = _trimmed(content, run.start(), run.end(), words)
        if bounds is None:
            continue
        if chain and not _is_next(content, chain[-1][1], bounds[0]):
            sites += _sites_of(content, chain, scored)
            chain = []
        chain.append(bounds)
    return sites + _sites_of(content, chain, scored) if chain else sites


def _trimmed(content: str, start: int, end: int, words: set[str]) -> tuple[int, int] | None:
    """Return the place of the name in a run of words: without a sentence's first word, or the noun behind a name.

    A capitalised word that the paper also writes small is English, unless all words of the run are (Natural
    Questions). None where nothing is left, or it is an author or the size of a model.
    """
    run = content[start:end].split()
    if len(run) == 1:  # most are; the loops below say the same of them
        kept = end - start > 1 and not (_is_plain(run[0]) and run[0].lower() in words)
        return _name(content, start, end, run[0]) if kept else None
    small = [_is_plain(word) and word.lower() in words for word in run]
    cues = _cues()
    while len(run) > 1 and small[-1] and run[-1].lower() in cues.nouns and not all(small):
        end -= len(run.pop()) + 1
        small.pop()
    while run and small[0] and (len(run) == 1 or not all(small)):
        start += len(run.pop(0)) + 1
        small.pop(0)
    if all(small) and any(len(word) <= 3 for word in run):
        return None  # a heading and the first word of its sentence: "Dataset The"
    return _name(content, start, end, run[-1]) if run and end - start > 1 else None


def _name(content: str, start: int, end: int, last: str) -> tuple[int, int] | None:
    if (not last.isalpha() and _SIZED.search(content, start, end)) or (_is_plain(last) and _AUTHOR.match(content, end)):
        return None
    return _whole(content, start, end) if start and content[start - 1].islower() else (start, end)


def _is_plain(word: str) -> bool:
    return word.isalpha() and word.istitle()


def _whole(content: str, start: int, end: int) -> tuple[int, int] | None:
    """The name with the small letters before its first capital; None where that is a word run into another."""
    first = start
    while first and content[first - 1].islower():
        first -= 1
    return (first, end) if start - first <= _SMALL_HEAD and not content[first - 1 : first].isalnum() else None


def _is_next(content: str, end: int, start: int) -> bool:
    return start - end <= 80 and _NEXT_IN_LIST.fullmatch(content, end, start) is not None


def _sites_of(content: str, chain: list[tuple[int, int]], scored: bool) -> list[_Site]:
    start, end = chain[0][0], chain[-1][1]
    before, behind = _before(content, start), _behind(content, end, len(chain) > 1, content[max(0, start - 3) : start])
    called, otherwise = before[0] or behind[0], before[1] or behind[1]
    return [_Site(a, b, called, otherwise, scored) for a, b in chain]


def _before(content: str, start: int) -> tuple[bool, bool]:
    """Return whether the words before a name call it a benchmark, and whether they call it something else."""
    words = content[max(0, start - _BACK) : start].rsplit(None, _WORDS_BACK)[-_WORDS_BACK:]
    while words and words[-1].lower() in _BETWEEN:
        words.pop()
    if not words:
        return False, False
    cues, last = _cues(), words[-1].lower()
    if last in ("on", "across", "over"):
        near = [word.lower() for word in words[-5:-1]]
        if any(word.startswith(cues.trained) for word in near):
            return False, True
        return any(word.startswith(cues.evaluated) for word in near), False
    if last in cues.announces:
        words = [word for word in words[-4:-1] if word != "such"]
        last = words[-1].lower() if words else ""
    elif words[-1][:1].isupper():
        return False, False  # a heading: Dataset Creation
    noun = last.strip(",:;(")
    return noun in cues.called or noun in cues.called_many, noun in cues.otherwise


def _behind(content: str, end: int, many: bool, article: str) -> tuple[bool, bool]:
    """The same for the words behind a name."""
    if content[end : end + 1] == "-" and content[end + 1 : end + 2].islower():
        return False, True  # BERT-based, RAG-style
    match = _AFTER.match(content, end)
    if match is None:
        return False, False
    cues = _cues()
    noun = match[1].lower() + (f" {match[2].lower()}" if match[2] else "")
    if noun in cues.called_many or (noun in cues.called and article.split()[-1:] in (["a"], ["an"])):
        return many, not many
    return noun in cues.called, noun in cues.otherwise


def _in_tables(content: str, start: int, end: int, words: set[str]) -> Iterator[_Site]:
    """Yield the names in rows of scores and in the lines above the first of them, each word and each two in a row."""
    above = start  # where the lines begin that may be a head
    position = start
    for line in content[start:end].split("\n"):
        stop = position + len(line)
        if _is_scores(line):
            yield from _cells(content, above, stop, words)
            above = stop
        elif content.count("\n", above, stop) > _HEADS:
            above = content.index("\n", above) + 1
        position = stop + 1


def _is_scores(line: str) -> bool:
    """At least two numbers, one of them with a decimal, that are a third of the words of the line."""
    if _DECIMAL.search(line) is None:
        return False
    numbers = len(_NUMBER.findall(line))
    return numbers >= 2 and numbers * 3 >= len(line.split())


def _cells(content: str, start: int, end: int, words: set[str]) -> Iterator[_Site]:
    last = first = -2
    for word in _WORD.finditer(content, start, end):
        if (bounds := _trimmed(content, word.start(), word.end(), words)) is not None:
            yield _Site(*bounds, False, False, True)
        if (
            word.start() == last + 1
            and content[last] == " "
            and (pair := _trimmed(content, first, word.end(), words)) is not None
        ):
            yield _Site(*pair, False, False, True)
        first, last = word.span()
