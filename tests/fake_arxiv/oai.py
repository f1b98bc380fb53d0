"""OAI-PMH as arXiv has spoken it since March 2025: verbs, sets, pages and their tokens; errors come with status 200."""

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, quote, unquote, urlencode
from xml.sax.saxutils import escape, quoteattr

from tests.fake_arxiv.oai_records import FORMATS, ID_PREFIX, XSI, render_header, render_record, set_spec
from tests.fake_arxiv.papers import EARLIEST, FakePaper
from tests.fake_arxiv.search import Catalogue

TEXT_XML = "text/xml"  # no charset: the XML declaration says it
ERRORS = {
    "badArgument": "The request includes illegal arguments, is missing required arguments, includes a repeated"
    " argument, or values for arguments have an illegal syntax.",
    "badResumptionToken": "The value of the resumptionToken argument is invalid or expired.",
    "badVerb": "Value of the verb argument is not a legal OAI-PMH verb, the verb argument is missing, or the verb"
    " argument is repeated.",
    "cannotDisseminateFormat": "The metadata format identified by the value given for the metadataPrefix argument is"
    " not supported by the item or by the repository.",
    "idDoesNotExist": "The value of the identifier argument is unknown or illegal in this repository.",
    "noRecordsMatch": "The combination of the values of the from, until, set and metadataPrefix arguments results in"
    " an empty list.",
}
_BARE = {"badVerb", "badArgument"}  # their request element repeats no argument


class OaiError(ValueError):
    """An error that OAI-PMH defines, with the arguments that its request element repeats."""

    def __init__(self, code: str, reason: str = "", attributes: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{ERRORS[code]} Reason: {reason}" if reason else ERRORS[code])
        self.code = code
        self.attributes = {} if code in _BARE else dict(attributes or {})


@dataclass(frozen=True)
class Harvest:
    """What the answers are made from: the papers, the page lengths, and the present."""

    catalogue: Catalogue
    records: int
    identifiers: int
    now: datetime
    url: str
    lose_token: bool = False  # by a fault: the page has neither a token nor an empty one

    @property
    def today(self) -> date:
        """The last day that can be asked for: today by the clock, or the last datestamp where the clock lags."""
        papers = self.catalogue.by_datestamp()
        return max(self.now.date(), papers[-1].datestamp) if papers else self.now.date()


def answer(harvest: Harvest, arguments: Mapping[str, Sequence[str]]) -> bytes:
    """Return the document that answers the arguments of a request."""
    try:
        if any(len(values) > 1 for values in arguments.values()):
            raise OaiError("badArgument", "Duplicate parameters not allowed")
        values = {name: value[0] for name, value in arguments.items()}
        verb = _VERBS.get(values.get("verb", ""))
        if verb is None:
            raise OaiError("badVerb", "Invalid verb provided")
        attributes, inside = verb(harvest, values)
    except OaiError as error:
        return render_error(harvest, error)
    return _document(harvest, attributes, inside)


def render_error(harvest: Harvest, error: OaiError) -> bytes:
    """Return the document of an error."""
    return _document(harvest, error.attributes, f"<error code='{error.code}'>{escape(str(error))}</error>")


def _document(harvest: Harvest, attributes: Mapping[str, str], inside: str) -> bytes:
    shown = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" {XSI}\
 xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">
<responseDate>{harvest.now:%Y-%m-%dT%H:%M:%SZ}</responseDate>
<request{shown}>{escape(harvest.url)}</request>
{inside}
</OAI-PMH>
""".encode()


Answer = tuple[Mapping[str, str], str]  # the request element's attributes, and what stands behind it


def _identify(harvest: Harvest, values: Mapping[str, str]) -> Answer:
    _only(values, {"verb"})
    return (
        values,
        f"""<Identify>
 <repositoryName>arXiv</repositoryName>
 <baseURL>{escape(harvest.url)}</baseURL>
 <protocolVersion>2.0</protocolVersion>
 <adminEmail>help@arxiv.org</adminEmail>
 <earliestDatestamp>{EARLIEST}</earliestDatestamp>
 <deletedRecord>persistent</deletedRecord>
 <granularity>YYYY-MM-DD</granularity>
</Identify>""",
    )


def _list_formats(harvest: Harvest, values: Mapping[str, str]) -> Answer:
    _only(values, {"verb", "identifier"})
    if "identifier" in values:
        _paper(harvest, values)
    formats = "".join(
        f"<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema>{schema}</schema>"
        f"<metadataNamespace>{namespace}</metadataNamespace></metadataFormat>\n"
        for prefix, (schema, namespace) in FORMATS.items()
    )
    return values, f"<ListMetadataFormats>\n{formats}</ListMetadataFormats>"


def _known_sets(harvest: Harvest) -> list[str]:
    """Groups, archives, categories: every prefix of every category's set."""
    full = {set_spec(category) for category in harvest.catalogue.categories}
    prefixes = {":".join(spec.split(":")[:depth]) for spec in full for depth in (1, 2, 3)}
    return sorted(prefixes, key=lambda spec: (spec.count(":"), spec))


def _list_sets(harvest: Harvest, values: Mapping[str, str]) -> Answer:
    if "resumptionToken" in values:
        raise OaiError("badResumptionToken")
    _only(values, {"verb"})
    sets = "".join(f"<set><setSpec>{spec}</setSpec><setName>{spec}</setName></set>\n" for spec in _known_sets(harvest))
    return values, f"<ListSets>\n{sets}</ListSets>"


def _get_record(harvest: Harvest, values: Mapping[str, str]) -> Answer:
    expected = {"identifier", "metadataPrefix", "verb"}
    if set(values) != expected:
        raise OaiError("badArgument", "Parameters provided did not match expected. Expected: " + ", ".join(expected))
    paper = _paper(harvest, values)
    return values, f"<GetRecord>\n{render_record(paper, _format(values))}</GetRecord>"


def _paper(harvest: Harvest, values: Mapping[str, str]) -> FakePaper:
    identifier = values["identifier"]
    paper = harvest.catalogue.find(identifier.removeprefix(ID_PREFIX)) if identifier.startswith(ID_PREFIX) else None
    if paper is None:
        raise OaiError("idDoesNotExist", "Nothing found for this identifier", values)
    return paper


def _only(values: Mapping[str, str], allowed: set[str]) -> None:
    if set(values) - allowed:
        raise OaiError("badArgument", f"Unallowed parameter. Allowed parameters: {', '.join(sorted(allowed))}")


def _format(values: Mapping[str, str]) -> str:
    if "metadataPrefix" not in values:
        raise OaiError("badArgument", "metadataPrefix required.")
    if values["metadataPrefix"] not in FORMATS:
        raise OaiError("cannotDisseminateFormat", "Did not recognize requested format", values)
    return values["metadataPrefix"]


def _list(harvest: Harvest, values: Mapping[str, str]) -> Answer:
    """A page of records or headers, and the token that leads to the next one."""
    verb, token, skip = values["verb"], values.get("resumptionToken"), 0
    asked = dict(values)
    if token is not None:
        _only(values, {"verb", "resumptionToken"})
        asked, skip = _read_token(token)
        if asked.get("verb") != verb:
            raise OaiError("badResumptionToken", "token from different verb", values)
    _only(asked, {"verb", "metadataPrefix", "from", "until", "set"})
    prefix = _format(asked)
    limit = harvest.identifiers if verb == "ListIdentifiers" else harvest.records
    rows = _rows(harvest, asked)[skip : skip + limit + 1]
    if not rows:
        raise OaiError("noRecordsMatch", attributes=values)
    following = _next_token(asked, rows, skip, limit)
    rows = rows[:limit]
    shown = "".join(
        render_header(paper) if verb == "ListIdentifiers" else render_record(paper, prefix) for paper in rows
    )
    return values, f"<{verb}>\n{shown}{_token(harvest, following, token is not None)}</{verb}>"


def _rows(harvest: Harvest, asked: Mapping[str, str]) -> list[FakePaper]:
    """The papers within the asked dates, both inclusive, and set, in order of datestamp."""
    start = _date(asked, "from", EARLIEST)
    end = _date(asked, "until", harvest.today)
    if start > end:
        raise OaiError("badArgument", "until date must be greater than or equal to from date")
    if start < EARLIEST:
        raise OaiError("badArgument", "start date too early")
    if end > harvest.today:
        raise OaiError("badArgument", "until date too late")
    papers = harvest.catalogue.by_datestamp(_set(harvest, asked["set"]) if "set" in asked else None)
    low = bisect.bisect_left(papers, start, key=lambda paper: paper.datestamp)
    high = bisect.bisect_right(papers, end, key=lambda paper: paper.datestamp)
    return papers[low:high]


def _set(harvest: Harvest, wanted: str) -> frozenset[str]:
    """The categories of a group, an archive or a category."""
    names = {name for name in harvest.catalogue.categories if f"{set_spec(name)}:".startswith(f"{wanted}:")}
    if not names:
        raise OaiError("badArgument", "Set does not exist")
    return frozenset(names)


def _date(asked: Mapping[str, str], name: str, default: date) -> date:
    text = asked.get(name)
    if not text:
        return default
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise OaiError("badArgument", f"{name} date format must be YYYY-MM-DD") from None


def _next_token(asked: Mapping[str, str], rows: Sequence[FakePaper], skip: int, limit: int) -> str | None:
    """The token behind a page, None where nothing follows: the last day seen becomes `from`, its shown rows `skip`."""
    if len(rows) <= limit:
        return None
    last = rows[-1].datestamp  # of the one row too many
    if rows[0].datestamp == last:
        return quote(urlencode({**asked, "skip": skip + limit}))
    seen = sum(paper.datestamp == last for paper in rows) - 1
    return quote(urlencode({**asked, "from": last.isoformat(), "skip": seen}))


def _read_token(token: str) -> tuple[dict[str, str], int]:
    values = {name: value[0] for name, value in parse_qs(unquote(token)).items()}
    if not values.get("skip", "").isdigit():
        raise OaiError("badResumptionToken", "Token decoding failed or format is invalid.")
    return values, int(values.pop("skip"))


def _token(harvest: Harvest, following: str | None, continued: bool) -> str:
    if harvest.lose_token:
        return ""
    if following is not None:
        midnight = datetime.combine(harvest.now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return f"<resumptionToken expirationDate='{midnight:%Y-%m-%dT%H:%M:%SZ}'>{following}</resumptionToken>\n"
    return "<resumptionToken/>\n" if continued else ""


_VERBS: dict[str, Callable[[Harvest, Mapping[str, str]], Answer]] = {
    "Identify": _identify,
    "ListMetadataFormats": _list_formats,
    "ListSets": _list_sets,
    "GetRecord": _get_record,
    "ListRecords": _list,
    "ListIdentifiers": _list,
}
