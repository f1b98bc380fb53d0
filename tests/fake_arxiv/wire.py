"""HTTP itself: reads a request, notes it, sends the reply, and breaks connections where the script says so."""

import errno
import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_arxiv.atom import ATOM
from tests.fake_arxiv.content import Reply
from tests.fake_arxiv.damage import OTHER, damaged
from tests.fake_arxiv.faults import Fault

if TYPE_CHECKING:
    from tests.fake_arxiv.server import FakeArxiv

_CHUNK = 1 << 16
_MEBIBYTE = b" " * (1 << 20)


def _squeezed() -> tuple[bytes, bytes]:
    """The head of a gzip stream, and a mebibyte as a block that can be repeated in it."""
    packer = zlib.compressobj(wbits=-15)
    block = packer.compress(_MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff", block


_SQUEEZED = _squeezed()


@dataclass(frozen=True)
class Request:
    """One line of the journal; `connections` counts the open ones, this one included; no status: none was sent."""

    time: float
    endpoint: str
    method: str
    path: str
    query: str
    agent: str
    range: str
    connections: int
    status: int | None
    fault: str | None


def route(path: str) -> tuple[str, str]:
    """The endpoint of a path, and what stands behind it: an id for content; "" where there is no such endpoint."""
    path = unquote(path).removeprefix(OTHER)
    if path in ("/api/query", "/oai"):
        return path.split("/")[1], ""
    surface, _, name = path.removeprefix("/").partition("/")
    return (surface, name) if surface in ("src", "e-print", "pdf", "html") and name else ("", "")


class Server(ThreadingHTTPServer):
    """Counts the connections that are open on both sides, and can cut one off with RST."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    arxiv: "FakeArxiv"

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._cut: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
            cut = request in self._cut
            self._cut.discard(request)
        if cut:
            request.close()  # with linger 0: RST instead of FIN
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours."""

    def cut(self, request: socket.socket) -> None:
        """Let this connection end with RST."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._lock:
            self._cut.add(request)

    def connections(self) -> int:
        """How many connections are open; one that its client has closed is not, even if we have yet to notice."""
        with self._lock:
            return sum(not has_hung_up(request) for request in self._open)

    def hang_up(self) -> None:
        """Close what is open, so that no thread waits for a client."""
        with self._lock:
            for request in self._open:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError as error:
                    if error.errno not in (errno.ENOTCONN, errno.EBADF):
                        raise


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, asks the server's FakeArxiv, and breaks the answers as the script says."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Google Frontend", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        """Answer a request."""
        arxiv, now, connections = self.server.arxiv, self.server.arxiv.clock.time(), self.server.connections()
        parts = urlsplit(self.path)
        posted = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        query = posted if self.command == "POST" else parts.query
        endpoint, rest = route(parts.path)
        fault = arxiv.choose_fault(endpoint, f"{parts.path}?{query}") if endpoint else None
        arguments = parse_qs(query, keep_blank_values=True)
        reply = arxiv.reply(
            endpoint, rest, arguments, {name.title(): value for name, value in self.headers.items()}, fault
        )
        if fault:
            reply = damaged(reply, fault, f"{parts.path}?{query}" if query else parts.path, now, arxiv.pace)
        status = None if fault and fault.kind in ("close", "silence") else reply.status
        agent, span = self.headers.get("User-Agent", ""), self.headers.get("Range", "")
        name = str(fault) if fault else None
        arxiv.note(Request(now, endpoint, self.command, parts.path, query, agent, span, connections, status, name))
        self._send(reply, fault)

    do_POST = do_HEAD = do_GET  # noqa: N815 — the names that http.server calls

    def log_message(self, *_: object) -> None:
        """The journal says it all."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header by the server's clock."""
        moment = self.server.arxiv.clock.time() if timestamp is None else timestamp
        return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if fault and kind in ("stall", "silence"):
            self.server.arxiv.wait(fault.seconds, wall=kind == "silence")
        if kind in ("close", "silence"):
            self.close_connection = True
            return
        if fault and kind in ("endless", "gzip_bomb"):
            self._pour(fault)
            return
        chunked = reply.chunked and self.command != "HEAD"
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(reply.body)))))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "reset":
            half = reply.body[: len(reply.body) // 2]
            self.wfile.write(b"%x\r\n%s" % (len(half) + 1, half) if chunked else half)
            self.wfile.flush()
            self.server.cut(self.connection)
            self.close_connection = True
            return
        for piece in _pieces(reply.body, chunked):
            self.wfile.write(piece)

    def _pour(self, fault: Fault) -> None:
        """Send a body of so many gigabytes in chunks, until it is through or the client has had enough."""
        squeezed = fault.kind == "gzip_bomb"
        self.send_response(200)
        self.send_header("Content-Type", ATOM)
        if squeezed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        start, block = _SQUEEZED if squeezed else (b"", _MEBIBYTE)
        for number in range(int(fault.gigabytes * 1024)):
            if self.server.arxiv.stopping.is_set():
                break
            piece = block if number else start + block
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _pieces(body: bytes, chunked: bool) -> Iterator[bytes]:
    if not chunked:
        yield body
        return
    for start in range(0, len(body), _CHUNK):
        piece = body[start : start + _CHUNK]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
