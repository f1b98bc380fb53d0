"""What matches a query: the catalogue with its indices, and arXiv's search language."""

import bisect
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import RLock

from tests.fake_arxiv.papers import FakePaper

_TOKEN = re.compile(r'\s*(?:(\()|(\))|([A-Za-z_]+):\[([^\]]*)\]|([A-Za-z_]+):"([^"]*)"|"([^"]*)"|([^\s()"]+))')
_RANGE = re.compile(r"(\d{12}) TO (\d{12})")
_FIELDS = {"ti", "au", "abs", "co", "jr", "cat", "rn", "id", "all"}
_OPERATORS = {"AND", "OR", "ANDNOT"}
_CACHED = 64  # queries whose results are kept


class QueryError(ValueError):
    """The query cannot be read."""


@dataclass(frozen=True)
class Term:
    """`field:words`, or a range of submission minutes, both inclusive."""

    field: str
    words: str
    minutes: tuple[datetime, datetime] | None = None

    def __str__(self) -> str:
        return f"{self.field}:{self.words}"


@dataclass(frozen=True)
class Both:
    """Two queries with AND, OR or ANDNOT between them."""

    operator: str
    left: "Query"
    right: "Query"

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


Query = Term | Both


def parse_query(text: str) -> Query:
    """Return the query that `text` writes: from left to right, brackets first; words side by side are OR-ed."""
    tokens = _tokens(text)
    query, rest = _group(tokens)
    if rest:
        raise QueryError("unbalanced )")
    return query


def written(query: Query) -> str:
    """The query as the feed's title repeats it: bare words have become `all:`."""
    text = str(query)
    return text[1:-1] if isinstance(query, Both) else text


def _tokens(text: str) -> list[str | Term]:
    tokens: list[str | Term] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if not found:
            raise QueryError(text)
        opened, closed, ranged, inside, field, phrase, bare, word = found.groups()
        if opened or closed or word in _OPERATORS:
            tokens.append(opened or closed or word)
        elif ranged:
            tokens.append(_range(ranged, inside))
        elif field or bare is not None:
            tokens.append(_term(field or "all", f'"{phrase if field else bare}"'))
        else:
            name, _, value = word.partition(":") if ":" in word else ("all", "", word)
            tokens.append(_term(name, value))
        at = found.end()
    if not tokens:
        raise QueryError("empty")
    return tokens


def _term(field: str, words: str) -> Term:
    if field not in _FIELDS or not words.strip('"'):
        raise QueryError(f"{field}:{words}")
    return Term(field, words)


def _range(field: str, inside: str) -> Term:
    """`submittedDate:[202401010000 TO 202401312359]`, the one form that is read since November 2025."""
    found = _RANGE.fullmatch(inside)
    if field != "submittedDate" or not found:
        raise QueryError(f"{field}:[{inside}]")
    try:
        low, high = (datetime.strptime(end, "%Y%m%d%H%M").replace(tzinfo=UTC) for end in found.groups())
    except ValueError:
        raise QueryError(inside) from None
    return Term(field, f"[{inside}]", (low, high))


def _group(tokens: list[str | Term]) -> tuple[Query, list[str | Term]]:
    """The query up to a closing bracket or the end, and the tokens behind it, that bracket included."""
    query: Query | None = None
    operator = ""
    while tokens and tokens[0] != ")":
        token, *tokens = tokens
        if isinstance(token, str) and token in _OPERATORS:
            if operator or query is None:
                raise QueryError(token)
            operator = token
            continue
        if isinstance(token, Term):
            part: Query = token
        else:
            part, tokens = _group(tokens)
            if not tokens:
                raise QueryError("unbalanced (")
            tokens = tokens[1:]
        query = part if query is None else Both(operator or "OR", query, part)
        operator = ""
    if query is None or operator:
        raise QueryError(operator or "()")
    return query, tokens


class Catalogue:
    """The papers by submission date, with what a search needs to answer at once; safe for threads."""

    def __init__(self, papers: Iterable[FakePaper]) -> None:
        self._lock = RLock()
        self._index(sorted(papers, key=lambda paper: (paper.published, paper.id)))

    def _index(self, papers: list[FakePaper]) -> None:
        self.papers: Sequence[FakePaper] = papers
        self._published = [paper.published for paper in papers]
        self.position = {paper.id: index for index, paper in enumerate(papers)}
        self._postings: dict[str, list[int]] = {}
        for index, paper in enumerate(papers):
            for category in paper.categories:
                self._postings.setdefault(category, []).append(index)
        self._results: OrderedDict[tuple[str, str, str, str], Sequence[int]] = OrderedDict()
        self._by_datestamp: dict[frozenset[str] | None, list[FakePaper]] = {}

    def add(self, paper: FakePaper) -> None:
        """Put in one paper more, as if it had been there; every index is made anew."""
        with self._lock:
            self._index(sorted([*self.papers, paper], key=lambda paper: (paper.published, paper.id)))

    def find(self, paper_id: str) -> FakePaper | None:
        """The paper of that id without its version."""
        with self._lock:
            index = self.position.get(paper_id)
            return None if index is None else self.papers[index]

    @property
    def categories(self) -> list[str]:
        """Every category that a paper is in."""
        return list(self._postings)

    def by_datestamp(self, categories: frozenset[str] | None = None) -> list[FakePaper]:
        """The papers, or those in one of the categories, in the order of OAI-PMH: by datestamp, then id."""
        with self._lock:
            if categories not in self._by_datestamp:
                papers = [
                    paper for paper in self.papers if categories is None or not categories.isdisjoint(paper.categories)
                ]
                self._by_datestamp[categories] = sorted(papers, key=lambda paper: (paper.datestamp, paper.id))
            return self._by_datestamp[categories]

    def search(self, query: str, ids: str, sort_by: str, order: str) -> Sequence[FakePaper]:
        """The papers that match `query`, `ids` (a comma between two) or both, in the order asked for; cached."""
        with self._lock:
            key = (query, ids, sort_by, order)
            if key not in self._results:
                found = self._found(query, ids)
                as_listed = ids and sort_by == "relevance"
                self._results[key] = found if as_listed else self._sorted(found, sort_by, order)
                if len(self._results) > _CACHED:
                    self._results.popitem(last=False)
            return _Rows(self.papers, self._results[key])

    def _found(self, query: str, ids: str) -> Sequence[int]:
        everything = range(len(self.papers))
        if not ids:
            found = self._evaluate(parse_query(query), everything)
            return found if isinstance(found, range) else sorted(found)
        bare = [re.sub(r"v\d+$", "", name) for name in ids.split(",")]
        listed = [self.position[name] for name in dict.fromkeys(bare) if name in self.position]
        if not query:
            return listed
        matching = set(self._evaluate(parse_query(query), everything))
        return [index for index in listed if index in matching]

    def _sorted(self, found: Sequence[int], sort_by: str, order: str) -> Sequence[int]:
        """`found` is in order of submission, or of the id list; relevance is a stable order without meaning."""
        down = order != "ascending"
        if sort_by == "submittedDate":
            return found[::-1] if down else found
        if sort_by == "lastUpdatedDate":
            return sorted(found, key=lambda index: (self.papers[index].updated, index), reverse=down)
        return sorted(found, key=lambda index: zlib.crc32(self.papers[index].id.encode()), reverse=down)

    def _evaluate(self, query: Query, within: Collection[int]) -> Collection[int]:
        if isinstance(query, Term):
            return self._term(query, within)
        first, second = query.left, query.right
        if query.operator == "AND" and isinstance(second, Term) and second.minutes:
            first, second = second, first  # the cheap side first
        left = self._evaluate(first, within)
        if query.operator == "AND":
            return self._evaluate(second, left)
        if query.operator == "ANDNOT":
            return set(left) - set(self._evaluate(second, left))
        return set(left) | set(self._evaluate(second, within))

    def _term(self, term: Term, within: Collection[int]) -> Collection[int]:
        if term.minutes:
            low = bisect.bisect_left(self._published, term.minutes[0])
            high = bisect.bisect_left(self._published, term.minutes[1] + timedelta(minutes=1))
            if isinstance(within, range):
                return within[max(0, low - within.start) : max(0, high - within.start)]
            return {index for index in within if low <= index < high}
        if term.field == "cat":
            return self._category(term.words.strip('"'), within)
        wanted = re.findall(r"\w+", term.words.lower().replace("_", " "))
        patterns = [(word, re.compile(rf"\b{word}\b").search) for word in wanted]
        return {index for index in within if _has(_text(self.papers[index], term.field), patterns)}

    def _category(self, name: str, within: Collection[int]) -> Collection[int]:
        found: set[int] = set()
        stars = name.endswith("*")
        for known in [known for known in self._postings if known.startswith(name[:-1])] if stars else [name]:
            posting = self._postings.get(known, [])
            if isinstance(within, range):
                low, high = bisect.bisect_left(posting, within.start), bisect.bisect_left(posting, within.stop)
                found.update(posting[low:high])
            else:
                found |= set(within).intersection(posting)
        return found


class _Rows(Sequence[FakePaper]):
    """The papers at some positions, without a list of them."""

    def __init__(self, papers: Sequence[FakePaper], positions: Sequence[int]) -> None:
        self._papers, self._positions = papers, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        if isinstance(at, slice):
            return [self._papers[position] for position in self._positions[at]]
        return self._papers[self._positions[at]]


def _text(paper: FakePaper, field: str) -> str:
    parts = {
        "ti": [paper.title],
        "abs": [paper.abstract],
        "au": paper.authors,
        "co": [paper.comment or ""],
        "jr": [paper.journal_ref or ""],
        "id": [paper.id],
        "rn": [],
        "all": [paper.title, paper.abstract, *paper.authors, paper.comment or "", paper.journal_ref or "", paper.id],
    }[field]
    return " ".join(parts).lower()


def _has(text: str, patterns: Iterable[tuple[str, Callable[[str], object]]]) -> bool:
    """Whether every wanted word stands in the text as a word; a fast test first, since most texts fail it."""
    return all(word in text and search(text) for word, search in patterns)
