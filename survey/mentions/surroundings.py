"""The surroundings of a name: an address, a person, or words that expand the same letters to another thing.

Each function looks at the text on both sides of a place and says what stands there; the lexicon decides what follows.
"""

import re
from functools import cache

_NEAR = 160  # characters before a place in which an address or an expansion can begin
# https://…, www.…, huggingface.co/…, and the target of a link in markdown: ](data/…
_ADDRESS = re.compile(
    r"(?:https?:|ftp:|www\.|(?:^|[^\w.])(?:[\w-]+\.)+(?:com|org|net|io|co|ai|edu|gov|dev|me|cn|de|uk|ly|gg)/|\]\()\S*$",
    re.IGNORECASE,
)
_DOMAIN_BEHIND = re.compile(r"[\w-]{0,20}\.(?:com|org|net|io|ai|edu|gov|dev|github\.io)\b(?!\w)")

# Words with a capital before or behind a name that make no person of it: "Spider Bird", "the Alfred Benchmark"
_THING_WORDS = (
    "a ablation accuracy algebra all amc and average avg base baseline baselines bench benchmark benchmarks best "
    "beyond both but challenge code codex competition corpus counting data database dataset datasets dev "
    "development domain each em embodied env environment environments eval evaluation ex exam execution "
    "experiment figure for from geometry gpt gsm hard hmmt in instructions it its leaderboard lite llama llm math "
    "mean method methods metric mini model models multi new number of olympiad on our ours overall pass "
    "precalculus pro problem problems qa qwen real results score scores seen set spider split splits sql standard "
    "suite table task tasks test text the their these this to train training two type unseen using valid "
    "validation verified ves via we when while wikisql with"
)
_THINGS = frozenset(_THING_WORDS.split())
_SURNAME = re.compile(r"[ \n](?:[A-Z]\.[ \n]?){0,2}(?:van |von |de |da |di |le )?([A-Z][a-zà-ÿ]+)\b")  # " V. Aho"
_GIVEN_NAME = re.compile(r"(?:^|[^\w\s.:|]\s|[a-z,.]\s|[.\n]\s?)([A-Z][a-zà-ÿ]{2,})[ \n]$")  # "by Larry "
# " et al.", ", S.", " and Klein, 2009", ", 2006", " said", "’s wife", "” the butler"
_PERSON_BEHIND = re.compile(
    r"[\"”’']?(?:,?[ \n]et[ \n]al\b|,[ \n][A-Z]\.|,[ \n](?:19|20)\d\d\b"
    r"|[ \n](?:and|&)[ \n][A-Z][a-z]+,?[ \n]?\(?(?:19|20)\d\d"
    r"|[ \n](?:said|says|asks|asked|told|tells|replied|answered|wrote|writes|argues|argued|thinks|thought|wants|wanted"
    r"|walks|walked|lives|lived|was born|died|smiled|married)\b"
    r"|,?[ \n](?:the|an?)[ \n](?:assistant|robot|butler|agent|person|player|man|boy|king|author|cat|dog|friend|user)\b"
    r"|['’]s[ \n](?:wife|husband|house|mother|father|friend|work|life|theorem|law)\b)"
)
# "S. ", "Dr. ", "named ", "called “", "by author "
_PERSON_BEFORE = re.compile(
    r"(?:\b[A-Z]\.[ \n]?|\b(?:Mr|Mrs|Ms|Dr|Prof|Professor|Sir|King|Saint|St|Lord|Lady|Judge|President)\.?[ \n]"
    r"|\b(?:named|called|nicknamed|name is|names?:|by author|dear|hi|hello|hey),?[ \n])[\"“‘']?$"
)

_BRACKET_BEHIND = re.compile(r"[ \n]?\(([A-Za-z][^()]{8,120})\)")
_LINKS = frozenset(("of", "for", "in", "the", "and", "on", "to", "with", "a", "an", "by"))
_WORD = re.compile(r"[A-Za-z][A-Za-z]*")


def is_address(text: str, start: int, end: int) -> bool:
    """Say whether `text[start:end]` stands inside an address on the web, which is a key and not a sentence."""
    if text[start - 1 : start].isspace():
        return _DOMAIN_BEHIND.match(text, end) is not None
    return _ADDRESS.search(text[max(0, start - _NEAR) : start]) is not None or (
        _DOMAIN_BEHIND.match(text, end) is not None
    )


def is_person(text: str, start: int, end: int) -> bool:
    """Say whether `text[start:end]` is somebody's name: Alfred Aho, Larry Bird, S. Bird, Alfred et al."""
    before, behind = text[max(0, start - 40) : start], text[end : end + 40]
    if _PERSON_BEHIND.match(behind) or _PERSON_BEFORE.search(before):
        return True
    surname, given = _SURNAME.match(behind), _GIVEN_NAME.search(before)
    return (surname is not None and not _is_thing(surname[1])) or (given is not None and not _is_thing(given[1]))


def _is_thing(word: str) -> bool:
    return word.lower() in _THINGS


def other_expansion(text: str, start: int, end: int, own: tuple[str, ...]) -> str:
    """Return the words that expand the letters of a name to another thing, or "" where none do.

    `AIME (Artificial Intelligence for Medical Examination)` and the same the other way round are another thing; an
    expansion with one of the words `own` is the benchmark's.
    """
    name = text[start:end]
    bracket = _BRACKET_BEHIND.match(text, end)
    if bracket and _spells(_words(bracket[1]), name):
        return "" if _holds(bracket[1], own) else bracket[1]
    if text[start - 1 : start] != "(":
        return ""
    words = _words(text[max(0, start - _NEAR) : start - 1])
    letters = sum(char.isalpha() for char in name)
    for count in range(letters, min(len(words), letters + 4) + 1):
        if _spells(words[-count:], name) and words[-count][0].lower() == name[0].lower():
            expansion = " ".join(words[-count:])
            return "" if _holds(expansion, own) else expansion
    return ""


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _spells(words: list[str], name: str) -> bool:
    """Say whether the first letters of these words are the letters of a name, with or without its small words."""
    letters = "".join(char for char in name.lower() if char.isalpha())
    kept = [word for word in words if word.lower() not in _LINKS]
    return letters in ("".join(word[0] for word in chosen).lower() for chosen in (words, kept))


def _holds(expansion: str, own: tuple[str, ...]) -> bool:
    return any(word.lower() in expansion.lower() for word in own)


@cache
def behind(rest: str) -> re.Pattern[str]:
    """Return a pattern for `rest` directly behind a name, in any case: with every apostrophe, and spaces or hyphens.

    `'s eye` finds ’S-EYE.
    """
    marks = {"'": "['’‘`´]", " ": r"[-\s]+"}
    return re.compile("".join(marks.get(char, re.escape(char)) for char in rest), re.IGNORECASE)
