"""What a fault does to a reply: to its body, to its headers, or another reply in its place."""

import gzip
import math
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.fake_arxiv.atom import ATOM
from tests.fake_arxiv.content import Reply, moved, page, with_header
from tests.fake_arxiv.faults import Fault

OTHER = "/moved"  # a prefix under which everything can be had too: the target of a redirect
_BILLION = (
    "<?xml version='1.0'?><!DOCTYPE feed [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]><feed xmlns='http://www.w3.org/2005/Atom'><title>&a9;</title></feed>"
)
_RATE = Reply(429, (("Content-Type", "text/plain"),), b"Rate exceeded.")
_DENIED = "Sadly, your client violates the robots.txt of this site."
_FILE_NAME = 'attachment; filename="../../../../tmp/owned.tar.gz"\r\nSet-Cookie: owned=1'
_INSTEAD = {
    "stall": _RATE,
    "html_200": page(200, "Just a moment...", "Verify that you are human. Complete the captcha to continue."),
    "denied_200": page(200, "Access denied", _DENIED),
    "denied_403": page(403, "Access denied", _DENIED),
    "laughs": Reply(200, (("Content-Type", ATOM),), _BILLION.encode()),
    "redirect_host": Reply(301, (("Location", "http://elsewhere.invalid/api/query"),)),
    "redirect_file": Reply(301, (("Location", "file:///etc/passwd"),)),
}


def damaged(reply: Reply, fault: Fault, target: str, now: float, pace: float) -> Reply:
    """Return what is sent in place of `reply` to a request of `target`; faults of the connection change nothing."""
    match fault.kind:
        case "truncated":
            reply = replace(reply, body=reply.body[: len(reply.body) * 3 // 5])
        case "no_charset":
            reply = with_header(reply, "Content-Type", reply.headers[0][1].split(";", maxsplit=1)[0])
        case "gzip":
            reply = replace(with_header(reply, "Content-Encoding", "gzip"), body=gzip.compress(reply.body, 1))
        case "file_name":
            reply = with_header(reply, "Content-Disposition", _FILE_NAME)
        case "status":
            reply = _status(fault, now, pace)
        case "moved" if not target.startswith(OTHER):
            reply = moved(OTHER + target)
        case "redirect_loop":
            reply = moved(target)
        case kind:
            reply = _INSTEAD.get(kind, reply)
    return reply


def _status(fault: Fault, now: float, pace: float) -> Reply:
    """429, 503 or 500 with the page of each, and Retry-After as seconds or as a date."""
    titles = {500: "500 Internal Server Error", 503: "503 Service Unavailable"}
    reply = _RATE if fault.code == 429 else page(fault.code, titles.get(fault.code, str(fault.code)))
    if fault.retry_after is None:
        return reply
    if fault.retry_after == "date":
        moment = datetime.fromtimestamp(math.ceil(now + fault.seconds * pace), UTC)
        return with_header(reply, "Retry-After", format_datetime(moment, usegmt=True))
    return with_header(reply, "Retry-After", str(math.ceil(fault.retry_after * pace)))
