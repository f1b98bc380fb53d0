"""One polite connection to arXiv: paced over all processes of the user, patient with faults, safe against replies.

arXiv's terms (info.arxiv.org/help/api/tou.html): at most one request every three seconds and one connection at a time,
over all machines one controls. A denial (403) is never answered with another request.
"""

import email.utils
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
from filelock import FileLock

from posttrain.errors import ConfigurationError, RefusedError
from posttrain.files import make_folder, whole
from posttrain.settings import ArxivSettings
from posttrain.version import __version__

_TIMEOUT = httpx.Timeout(connect=15.0, read=180.0, write=30.0, pool=None)  # arXiv's first byte can take minutes
_TRIES = 8
_LONGEST_BACK_OFF = 600.0  # seconds between two tries
_LONGEST_WAIT = 3600.0  # a longer Retry-After ends the run with the time to come back
_REDIRECTS = 3
_RETRIED = {429, 500, 502, 503, 504}


Answer = TypeVar("Answer")


class Clock(Protocol):
    """Time as the transport sees it; tests bring one that does not wait."""

    def time(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


@dataclass(frozen=True)
class Reply:
    """A reply that came whole: status 200, 403 for one private file, or 404; decoded body; when it came."""

    url: str
    status: int
    body: bytes
    fetched_at: str


class FaultyReplyError(Exception):
    """A reply that cannot be right (HTML for XML, a short page …); asked for again, then reported as incomplete."""


class Transport:
    """The connection. `state` is the folder of the user's pacing lock, shared by all processes.

    Raises PosttrainError where the settings lack a contact: arXiv must be able to reach who crawls.
    """

    def __init__(self, settings: ArxivSettings, state: Path, clock: Clock = time) -> None:
        if not settings.contact:
            raise ConfigurationError(
                "crawling arXiv needs a contact in its agent string",
                'set contact = "you@example.org" under [arxiv] in posttrain.toml, or POSTTRAIN_ARXIV_CONTACT',
            )
        self._settings = settings
        self._clock = clock
        make_folder(state)
        self._pace = state / "arxiv-pace.json"
        self._lock = FileLock(state / "arxiv-pace.lock")
        self._client = httpx.Client(
            headers={"User-Agent": f"posttrain/{__version__} (mailto:{settings.contact})"},
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),  # none is left open between requests
            follow_redirects=False,
        )
        self.requests = 0

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(
        self,
        url: str,
        parameters: Mapping[str, str | int],
        read: Callable[[Reply], Answer],
        most_bytes: int = 64 << 20,
    ) -> Answer:
        """Return the result of `read` on the reply to `url`, which is asked for at most eight times.

        `read` raises FaultyReplyError for a reply that cannot be right; that is asked for again, like 429, 5xx and
        broken connections. Raises PosttrainError: for 403 at once, for 400 with the server's explanation, for a reply
        that is refused (another host, too large); FaultyReplyError where the last try was faulty too.
        """
        for attempt in range(_TRIES):
            try:
                return read(self._get_once(url, parameters, most_bytes))
            except (httpx.TransportError, httpx.DecodingError, _TryAgainError, FaultyReplyError) as error:
                reason = str(error) or type(error).__name__
                if attempt == _TRIES - 1:
                    raise FaultyReplyError(f"{reason}, {_TRIES} times in a row") from error
                self._postpone(self._back_off(attempt, getattr(error, "retry_after", None)))
        raise AssertionError("unreachable")

    def _get_once(self, url: str, parameters: Mapping[str, str | int], most_bytes: int) -> Reply:
        query: dict[str, str | int] | None = dict(parameters) or None
        for _ in range(_REDIRECTS + 1):
            with self._turn(), self._client.stream("GET", url, params=query) as response:
                self.requests += 1
                if response.is_redirect:
                    url, query = self._redirected(url, response.headers.get("location", "")), None
                    continue
                body = _read(response, most_bytes)
            return self._judge(response, body)
        raise ConfigurationError(
            f"{url} redirects more than {_REDIRECTS} times", "check the [arxiv] addresses in posttrain.toml"
        )

    def _judge(self, response: httpx.Response, body: bytes) -> Reply:
        url, status = str(response.url), response.status_code
        if status == 403 and _is_denial(body):
            raise RefusedError(
                f"arXiv denies access to {url}",
                f"do not ask again before {self._tomorrow()}; then run the same command",
            )
        if status in _RETRIED:
            raise _TryAgainError(f"HTTP {status} from {url}", self._retry_after(response))
        if status == 400:
            raise ConfigurationError(
                f"arXiv refuses the request: {explanation(body)}", f"check the options; asked was {url}"
            )
        if status not in (200, 403, 404):
            raise FaultyReplyError(f"HTTP {status} from {url}")
        return Reply(url, status, body, datetime.fromtimestamp(self._clock.time(), UTC).isoformat(timespec="seconds"))

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(target)
        same = (here.hostname, here.port) == (there.hostname, there.port)
        arxiv = all((part.hostname or "").endswith("arxiv.org") for part in (here, there))
        if there.scheme not in ("http", "https") or not (same or arxiv):
            raise RefusedError(
                f"{url} redirects to {target[:200]}, which is another host",
                "check the [arxiv] addresses in posttrain.toml",
            )
        return target

    # ---- pacing ------------------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the user's one connection, from the first moment at which a request may start."""
        with self._lock:
            pace = self._read_pace()
            now = self._clock.time()
            longest = max(self._settings.delay_seconds, _LONGEST_WAIT)
            wait = min(max(pace["next"], pace["not_before"]) - now, longest)  # a clock that was set back
            if wait > 0:
                self._clock.sleep(wait)
            self._write_pace({"next": self._clock.time() + self._settings.delay_seconds, "not_before": 0.0})
            yield

    def _postpone(self, seconds: float) -> None:
        """Keep every process of the user from asking for so long."""
        with self._lock:
            pace = self._read_pace()
            pace["not_before"] = max(pace["not_before"], self._clock.time() + seconds)
            self._write_pace(pace)

    def _back_off(self, attempt: int, retry_after: float | None) -> float:
        if retry_after is not None and retry_after > _LONGEST_WAIT:
            when = datetime.fromtimestamp(self._clock.time() + retry_after, UTC).isoformat(timespec="seconds")
            raise RefusedError(f"arXiv asks to come back at {when}", "run the same command then")
        doubling: float = min(self._settings.delay_seconds * 2**attempt, _LONGEST_BACK_OFF) * random.uniform(0.5, 1.0)
        return max(retry_after or 0.0, doubling)

    def _retry_after(self, response: httpx.Response) -> float | None:
        """The header in seconds, whether it holds seconds or a date."""
        value = response.headers.get("retry-after", "").strip()
        if value.isdigit():
            return float(value)
        try:
            return (
                max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - self._clock.time()) if value else None
            )
        except ValueError:
            return None

    def _tomorrow(self) -> str:
        return datetime.fromtimestamp(self._clock.time() + 86_400, UTC).strftime("%Y-%m-%d %H:%M UTC")

    def _read_pace(self) -> dict[str, float]:
        try:
            stored = json.loads(self._pace.read_text())
            return {"next": float(stored["next"]), "not_before": float(stored["not_before"])}
        except (OSError, ValueError, KeyError, TypeError):
            return {"next": 0.0, "not_before": 0.0}

    def _write_pace(self, pace: dict[str, float]) -> None:
        with whole(self._pace) as unfinished:
            unfinished.write_text(json.dumps(pace))


class _TryAgainError(Exception):
    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def explanation(body: bytes) -> str:
    """Return the sentence in an error reply: an Atom feed's summary, or the words of a page."""
    text = body[:20_000].decode("utf-8", "replace")
    summary = re.search(r"<summary[^>]*>(.*?)</summary>", text, re.DOTALL)
    return " ".join((summary[1] if summary else re.sub(r"<[^>]+>", " ", text)).split())[:300]


def _is_denial(body: bytes) -> bool:
    """Say whether a 403 denies access as a whole. A source that its author keeps private is a 403 too, and says so."""
    page = body[:20_000].lower()
    return b"denied" in page or not (b"source" in page and b"public" in page)


def _read(response: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes(1 << 16):
        body += chunk
        if len(body) > most_bytes:
            raise RefusedError(
                f"{response.url} sends more than {most_bytes >> 20} MB; arXiv sends no such reply",
                "check the [arxiv] addresses in posttrain.toml",
            )
    return bytes(body)
