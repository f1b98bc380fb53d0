"""What goes wrong and when: rules, scripts of them, and how a server plays one."""

import random
import re
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal
from urllib.parse import unquote_plus

Endpoint = Literal["api", "oai", "src", "e-print", "pdf", "html", "content", "*"]  # content is src, e-print, pdf, html

API_ONLY = frozenset({"empty", "empty_page", "short_page", "shrink", "grow", "no_published", "duplicate"})
OAI_ONLY = frozenset({"expired_token", "no_records", "lost_token"})
TOKEN_ONLY = frozenset({"expired_token", "lost_token"})
METADATA_ONLY = frozenset({"no_charset", "truncated"})
KINDS = API_ONLY | OAI_ONLY | METADATA_ONLY | {
    "html_200", "denied_200", "denied_403", "status", "reset", "close", "stall", "silence", "moved", "gzip",
    "redirect_host", "redirect_file", "redirect_loop", "endless", "gzip_bomb", "laughs", "file_name",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Metadata, all with status 200 and well-formed: empty (no entry, total 0), empty_page (no entry, right total),
    short_page (half the entries), shrink (a smaller total, once), grow (a paper of the first one's minute appears for
    good), no_published (one entry without its date), duplicate (the page before reaches into this one), expired_token,
    no_records, lost_token (the list breaks off without an empty token).
    Bytes: truncated (the body stops, its length is right), no_charset, gzip (Content-Encoding), html_200 (a page that
    asks whether you are human), denied_200, denied_403 (both say "Access denied": never try again).
    Answers: status (`code`, with `retry_after` as seconds, or "date" for a date `seconds` ahead), moved (301 to
    another path of this host).
    Connection: reset (half the body, then RST), close (not one byte), stall (`seconds` by the clock, then 429),
    silence (`seconds` by the wall, then close).
    Hostile: redirect_host, redirect_file, redirect_loop, endless and gzip_bomb (`gigabytes`), laughs (entities that
    grow), file_name (a Content-Disposition with a path and a second header in it).
    """

    kind: str
    code: int = 0
    retry_after: int | Literal["date"] | None = None
    seconds: float = 0
    gigabytes: float = 4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(sorted(KINDS))}")

    def __str__(self) -> str:
        """The name in the journal: `status` gives its code, as in `429`, `429+10`, `503+date`."""
        if self.kind != "status":
            return self.kind
        return str(self.code) + ("" if self.retry_after is None else f"+{self.retry_after}")


@dataclass(frozen=True)
class Nth:
    """The nth request that the rule could hit, from 1; and as many after it as the rule's `times` allows."""

    n: int


@dataclass(frozen=True)
class Every:
    """Every kth request that the rule could hit, the first of them drawn with the seed."""

    k: int
    seed: int = 0


@dataclass(frozen=True)
class FirstAsk:
    """The first `asks` times that a slice, the same target in full, is asked for."""

    asks: int = 1


@dataclass(frozen=True)
class Chance:
    """Each request with a probability, drawn with the seed."""

    probability: float
    seed: int = 0


@dataclass(frozen=True)
class Rule:
    """`fault` for requests of `endpoint` whose decoded target matches the pattern `matching`, `when`, `times` at most.

    A request that the fault cannot hurt, such as an expired token where none is sent, is not counted.
    """

    endpoint: Endpoint
    fault: Fault
    when: Nth | Every | FirstAsk | Chance
    times: int = 1
    matching: str = ""

    def hits(self, endpoint: str, target: str) -> bool:
        """Whether the rule is about such a request at all."""
        if self.endpoint not in ("*", endpoint) and not (self.endpoint == "content" and endpoint not in ("api", "oai")):
            return False
        kind = self.fault.kind
        return (
            (kind not in API_ONLY or endpoint == "api")
            and (kind not in OAI_ONLY or (endpoint == "oai" and "verb=List" in target))
            and (kind not in METADATA_ONLY or endpoint in ("api", "oai"))
            and (kind not in TOKEN_ONLY or "resumptionToken=" in target)
            and re.search(self.matching, unquote_plus(unquote_plus(target))) is not None
        )


@dataclass(frozen=True)
class FaultScript:
    """Rules in the order of their right of way: one request suffers one fault."""

    rules: tuple[Rule, ...] = ()

    @property
    def limit(self) -> int:
        """How many faults there can be in all."""
        return sum(rule.times for rule in self.rules)


@dataclass
class _Count:
    seen: int = 0
    fired: int = 0
    asked: dict[str, int] = field(default_factory=dict)


class Playing:
    """A script being played to the requests of one server; safe for threads."""

    def __init__(self, script: FaultScript) -> None:
        self._lock = Lock()
        self._rules = [(rule, _Count(), random.Random(getattr(rule.when, "seed", 0))) for rule in script.rules]

    def choose(self, endpoint: str, target: str) -> Fault | None:
        """The fault that this request suffers; every rule counts the request, the first that is due has it."""
        with self._lock:
            due = None
            for rule, count, rng in self._rules:
                if not rule.hits(endpoint, target):
                    continue
                count.seen += 1
                count.asked[target] = count.asked.get(target, 0) + 1
                if _is_due(rule.when, count, target, rng) and count.fired < rule.times and due is None:
                    count.fired += 1
                    due = rule.fault
            return due


def _is_due(when: Nth | Every | FirstAsk | Chance, count: _Count, target: str, rng: random.Random) -> bool:
    if isinstance(when, Nth):
        return count.seen >= when.n
    if isinstance(when, Every):
        return (count.seen - 1) % when.k == random.Random(when.seed).randrange(when.k)
    if isinstance(when, FirstAsk):
        return count.asked[target] <= when.asks
    return rng.random() < when.probability


def status(code: int, retry_after: int | Literal["date"] | None = None, seconds: float = 0) -> Fault:
    """Return the fault that answers with `code`."""
    return Fault("status", code=code, retry_after=retry_after, seconds=seconds)
