"""A local arXiv over real HTTP on the loopback: query API, OAI-PMH and content, with a journal and with faults."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Protocol

from tests.fake_arxiv import atom, content, oai
from tests.fake_arxiv.content import Lazy, Reply, Shelf
from tests.fake_arxiv.faults import Fault, FaultScript, Playing
from tests.fake_arxiv.papers import FakePaper
from tests.fake_arxiv.search import Catalogue
from tests.fake_arxiv.wire import Handler, Request, Server

IDENTIFIERS = 20_000  # headers on a page of OAI-PMH


class Clock(Protocol):
    """What tells the time; one with a `sleep` as well lets stalls pass without waiting."""

    def time(self) -> float: ...


class FakeArxiv:
    """A server for the time of a `with` block; `api_url`, `oai_url` and `content_url` are where it listens.

    `window` is the number of results that can be paged to, `api_page` the most entries on a page, `oai_page` the
    records on one. `lazy` gives content by surface ("src", "pdf", "html"): a function of an id without version.
    `journal_file` gets every request as a line of JSON before its answer is sent. `pace` shortens, for tests against a
    real clock, every wait: stalls, silences and Retry-After, whole seconds rounded up.
    """

    def __init__(  # noqa: PLR0913
        self,
        papers: Iterable[FakePaper],
        *,
        clock: Clock = time,
        script: FaultScript | None = None,
        dialect: atom.Dialect = "2026",
        window: int = 10_000,
        api_page: int = 2000,
        oai_page: int = 2500,
        lazy: Mapping[str, Lazy] | None = None,
        journal_file: Path | None = None,
        pace: float = 1.0,
        port: int = 0,
    ) -> None:
        self.catalogue = Catalogue(papers)
        self.clock, self.dialect, self.pace = clock, dialect, pace
        self.window, self.api_page, self.oai_page = window, api_page, oai_page
        self.shelf = Shelf(self.catalogue, lazy or {})
        self.journal: list[Request] = []
        self.stopping = Event()
        self._playing = Playing(script or FaultScript())
        self._journal_file, self._port, self._lock = journal_file, port, Lock()

    def __enter__(self) -> "FakeArxiv":
        self._server = Server(("127.0.0.1", self._port), Handler)
        self._server.arxiv = self
        root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.api_url, self.oai_url, self.content_url = f"{root}/api/query", f"{root}/oai", root
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    @property
    def papers(self) -> list[FakePaper]:
        """All papers by submission date, with those that appeared by a fault."""
        return list(self.catalogue.papers)

    @property
    def now(self) -> datetime:
        """The moment by the clock."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def note(self, request: Request) -> None:
        """Put a line into the journal."""
        with self._lock:
            self.journal.append(request)
            if self._journal_file:
                with self._journal_file.open("a") as stream:
                    stream.write(json.dumps(asdict(request)) + "\n")

    def choose_fault(self, endpoint: str, target: str) -> Fault | None:
        """The fault that the script has for a request."""
        return self._playing.choose(endpoint, target)

    def wait(self, seconds: float, wall: bool = False) -> None:
        """Let time pass: by the clock where it can sleep, else, and on the `wall`, really."""
        if not wall and self.clock is not time and hasattr(self.clock, "sleep"):
            self.clock.sleep(seconds)
        else:
            self.stopping.wait(seconds * self.pace)

    def reply(self, endpoint: str, rest: str, arguments: Mapping[str, list[str]], headers: Mapping[str, str],
              fault: Fault | None) -> Reply:  # fmt: skip
        """What is answered when nothing breaks but what `fault` does to the meaning."""
        kind = fault.kind if fault else ""
        if endpoint == "api":
            return self._api({name: value[-1] for name, value in arguments.items()}, kind)
        if endpoint == "oai":
            return self._oai(arguments, kind)
        if endpoint:
            query = "&".join(arguments)
            return content.serve(self.shelf, endpoint, rest, query, headers)
        return content.page(404, "404 Not Found")

    def _api(self, values: Mapping[str, str], kind: str) -> Reply:
        try:
            ask = atom.read_ask(values)
            if kind == "grow":
                self._grow(ask)
            page = self._api_page(ask, kind)
        except atom.AtomError as error:
            return Reply(400, (("Content-Type", atom.ATOM),), atom.render_error(str(error), self.now))
        except atom.OutsideWindowError:
            return content.page(500, "500 Internal Server Error", "The server encountered an internal error.")
        body = atom.render_feed(page, ask, self.now, self.dialect)
        return Reply(200, (("Content-Type", atom.ATOM),), body)

    def _api_page(self, ask: atom.Ask, kind: str) -> atom.Page:
        back = 1 if kind == "duplicate" else 0
        page = atom.find_page(
            self.catalogue, ask, window=self.window, most=self.api_page, dialect=self.dialect, back=back
        )
        papers = page.papers
        match kind:
            case "empty":
                page = atom.Page(0, [])
            case "empty_page":
                page = atom.Page(page.total, [])
            case "short_page":
                page = atom.Page(page.total, papers[: len(papers) // 2])
            case "shrink":
                page = atom.Page(page.total * 3 // 5, papers)
            case "no_published":
                page = atom.Page(page.total, papers, undated=len(papers) // 2)
            case "duplicate" if ask.start == 0:  # there is no page before the first
                page = atom.Page(page.total, [*papers[:1], *papers[:-1]])
        return page

    def _grow(self, ask: atom.Ask) -> None:
        """Announce one paper more, that was submitted with the first one that the query finds."""
        rows = self.catalogue.search(ask.search_query, ask.id_list, ask.sort_by, ask.order)
        if not rows:
            return
        first, number = rows[0], 99_999
        while self.catalogue.find(f"{first.published:%y%m}.{number}"):
            number -= 1
        name = f"{first.published:%y%m}.{number}"
        late = replace(first, id=name, title=f"{first.title}, announced late", versions=1, updated=first.published)
        self.catalogue.add(replace(late, datestamp=max(first.datestamp, self.now.date())))

    def _oai(self, arguments: Mapping[str, list[str]], kind: str) -> Reply:
        harvest = oai.Harvest(
            self.catalogue, self.oai_page, IDENTIFIERS, self.now, self.oai_url, lose_token=kind == "lost_token"
        )
        if kind in ("expired_token", "no_records"):
            code = "badResumptionToken" if kind == "expired_token" else "noRecordsMatch"
            given = {name: value[0] for name, value in arguments.items()}
            body = oai.render_error(harvest, oai.OaiError(code, attributes=given))
        else:
            body = oai.answer(harvest, arguments)
        return Reply(200, (("Content-Type", oai.TEXT_XML),), body)
