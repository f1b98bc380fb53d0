"""Named scripts: 20 that a correct retrying client survives, some that must stop it, some that must not harm it."""

from collections.abc import Mapping

from tests.fake_arxiv.faults import Chance, Every, Fault, FaultScript, FirstAsk, Nth, Rule, status


def _script(*rules: Rule) -> FaultScript:
    return FaultScript(rules)


_LATER_429, _DATE_429 = status(429, 30), status(429, "date", 45)
_NOW_503, _SOON_503 = status(503, 0), status(503, 10)
_STALL, _SILENCE = Fault("stall", seconds=15), Fault("silence", seconds=3)
_API_EMPTY, _API_SHORT = Rule("api", Fault("empty"), Nth(1)), Rule("api", Fault("short_page"), Every(3, 1), times=2)

# Each ends, so that a client which asks again, and asks twice before it believes an empty or a smaller list, gets all.
SCRIPTS: Mapping[str, FaultScript] = {
    "empty-start": _script(
        _API_EMPTY,
        Rule("api", status(503), Nth(3)),
        Rule("oai", Fault("no_records"), Nth(1)),
        Rule("content", status(503, 0), Nth(1)),
    ),
    "empty-pages": _script(
        Rule("api", Fault("empty_page"), Every(3, 2), times=3),
        Rule("api", status(429), Nth(5)),
        Rule("oai", Fault("html_200"), Nth(2)),
    ),
    "short-pages": _script(_API_SHORT, Rule("api", Fault("empty_page"), Nth(4)), Rule("oai", _NOW_503, Nth(2))),
    "shrinking-total": _script(
        Rule("api", Fault("shrink"), Every(3, 0), times=2),
        Rule("api", Fault("duplicate"), Nth(4)),
        Rule("*", status(500), Nth(6)),
    ),
    "growing-total": _script(
        Rule("api", Fault("grow"), Every(4, 3), times=3),
        Rule("api", _LATER_429, Nth(3)),
        Rule("oai", Fault("truncated"), Nth(2)),
    ),
    "without-dates": _script(
        Rule("api", Fault("no_published"), Every(3, 0), times=3),
        Rule("api", Fault("no_charset"), Nth(2), times=3),
        Rule("*", Fault("gzip"), Every(5, 2), times=3),
    ),
    "twice-told": _script(
        Rule("api", Fault("duplicate"), Every(2, 1), times=3),
        Rule("api", Fault("short_page"), Nth(7)),
        Rule("oai", Fault("lost_token"), Nth(1)),
    ),
    "torn-bodies": _script(
        Rule("*", Fault("truncated"), Every(3, 1), times=3),
        Rule("*", Fault("reset"), Every(4, 2), times=3),
        Rule("*", Fault("close"), Nth(7)),
    ),
    "other-pages": _script(
        Rule("*", Fault("html_200"), Every(3, 0), times=3),
        Rule("*", status(500), Nth(4)),
        Rule("*", Fault("moved"), Nth(6)),
    ),
    "too-many": _script(
        Rule("*", status(429), Nth(2)),
        Rule("*", _LATER_429, Nth(4)),
        Rule("*", _DATE_429, Nth(6)),
        Rule("content", status(429, 60), Nth(1)),
    ),
    "unavailable": _script(
        Rule("*", status(503), Nth(1)),
        Rule("*", _NOW_503, Nth(3), times=2),
        Rule("*", _SOON_503, Nth(7)),
        Rule("*", status(503, "date", 20), Nth(9)),
    ),
    "slow-then-no": _script(
        Rule("*", _STALL, Every(4, 1), times=2),
        Rule("*", status(429), Nth(3)),
        Rule("*", Fault("close"), Nth(5)),
    ),
    "silent": _script(
        Rule("*", _SILENCE, Nth(2)),
        Rule("*", Fault("reset"), Nth(4)),
        Rule("*", _SOON_503, Nth(6)),
    ),
    "moved-about": _script(
        Rule("*", Fault("moved"), Every(3, 0), times=4),
        Rule("*", Fault("gzip"), Every(4, 1), times=3),
        Rule("*", Fault("no_charset"), Every(2, 0), times=3),
    ),
    "tokens": _script(
        Rule("oai", Fault("expired_token"), Nth(2)),
        Rule("oai", Fault("lost_token"), Nth(3)),
        Rule("oai", Fault("truncated"), Nth(4)),
        _API_EMPTY,
    ),
    "bad-day": _script(  # OAI-PMH in May 2025: one range of dates only
        Rule("oai", _NOW_503, FirstAsk(2), times=4, matching=r"from=20\d\d-\d\d-[12]"),
        Rule("oai", _STALL, Nth(3)),
        Rule("oai", Fault("no_records"), Nth(6)),
        Rule("api", status(503), Nth(2)),
    ),
    "first-ask": _script(
        Rule("api", status(429), FirstAsk(), times=6),
        Rule("oai", _NOW_503, FirstAsk(), times=6),
        Rule("content", Fault("reset"), FirstAsk(), times=6),
    ),
    "downloads": _script(
        Rule("content", Fault("reset"), Every(3, 0), times=4),
        Rule("content", _LATER_429, Nth(4)),
        Rule("content", Fault("html_200"), Nth(6), matching="/(src|e-print|pdf)/"),
        Rule("content", Fault("close"), Nth(9)),
        Rule("api", Fault("truncated"), Nth(1)),
    ),
    "weather": _script(
        Rule("*", status(503), Chance(0.10, 1), times=5),
        Rule("*", status(429), Chance(0.08, 2), times=4),
        Rule("*", Fault("close"), Chance(0.08, 3), times=4),
        Rule("*", Fault("truncated"), Chance(0.08, 4), times=4),
        Rule("api", Fault("empty_page"), Chance(0.08, 5), times=3),
    ),
    "everything": _script(
        _API_EMPTY,
        Rule("*", _STALL, Nth(3)),
        Rule("*", Fault("html_200"), Every(7, 3), times=2),
        Rule("api", Fault("no_published"), Nth(5)),
        Rule("api", Fault("grow"), Nth(7)),
        Rule("api", Fault("shrink"), Nth(8)),
        Rule("api", Fault("duplicate"), Nth(9)),
        Rule("oai", Fault("expired_token"), Nth(2)),
        Rule("*", Fault("reset"), Every(6, 4), times=2),
        Rule("*", _DATE_429, Nth(8)),
        Rule("*", Fault("truncated"), Every(8, 5), times=2),
    ),
}

# A correct client stops at once: what arXiv's robots page calls an attack is to go on.
REFUSED: Mapping[str, FaultScript] = {
    "denied-at-once": _script(Rule("*", Fault("denied_403"), Nth(1), times=10**9)),
    "denied-midway": _script(Rule("*", Fault("denied_403"), Nth(4), times=10**9)),
    "denied-downloads": _script(Rule("content", Fault("denied_403"), Nth(2), times=10**9)),
    "denied-with-200": _script(Rule("*", Fault("denied_200"), Nth(3), times=10**9)),
}

# What no arXiv does: a client must not follow, swallow, inflate, expand or write it.
HOSTILE: Mapping[str, FaultScript] = {
    name: _script(Rule("*", fault, Nth(1), times=10**9))
    for name, fault in {
        "redirect-host": Fault("redirect_host"),
        "redirect-file": Fault("redirect_file"),
        "redirect-loop": Fault("redirect_loop"),
        "endless": Fault("endless"),
        "gzip-bomb": Fault("gzip_bomb"),
        "laughs": Fault("laughs"),
        "file-name": Fault("file_name"),
    }.items()
}
