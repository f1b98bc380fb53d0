"""The fake arXiv as a process: `python -m tests.fake_arxiv --papers 5000 --seed 1 --script everything`.

The first line on stdout is a JSON object with api_url, oai_url and content_url; then it serves until it is killed.
With --until-stdin-ends it also goes when the process that holds the other end of its stdin does.
"""

import argparse
import json
import sys
import threading
from datetime import date
from pathlib import Path

from tests.fake_arxiv.papers import make_corpus
from tests.fake_arxiv.scripts import HOSTILE, REFUSED, SCRIPTS
from tests.fake_arxiv.server import FakeArxiv
from tests.simulated import Field


def main() -> None:
    """Serve what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_arxiv")
    parser.add_argument("--papers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="start", type=date.fromisoformat, default=date(2024, 1, 1))
    parser.add_argument("--until", type=date.fromisoformat, default=date(2025, 6, 30))
    parser.add_argument("--burst", type=int, default=0)
    parser.add_argument("--content-share", type=float, default=0.02)
    parser.add_argument("--field", type=int, help="seed of a simulated field, whose texts every paper then has")
    parser.add_argument("--script", choices=[*SCRIPTS, *REFUSED, *HOSTILE])
    parser.add_argument("--dialect", choices=["2026", "2025"], default="2026")
    parser.add_argument("--window", type=int, default=10_000)
    parser.add_argument("--api-page", type=int, default=2000)
    parser.add_argument("--oai-page", type=int, default=2500)
    parser.add_argument("--pace", type=float, default=1.0, help="0.01 makes every wait a hundred times shorter")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--until-stdin-ends", action="store_true")
    asked = parser.parse_args()
    papers = make_corpus(
        asked.papers, asked.seed, asked.start, asked.until, burst=asked.burst, content_share=asked.content_share
    )
    script = {**SCRIPTS, **REFUSED, **HOSTILE}.get(asked.script)
    with FakeArxiv(
        papers,
        script=script,
        dialect=asked.dialect,
        window=asked.window,
        api_page=asked.api_page,
        oai_page=asked.oai_page,
        lazy=Field(asked.field, pdf_share=0.3).content() if asked.field is not None else None,
        journal_file=asked.journal,
        pace=asked.pace,
        port=asked.port,
    ) as arxiv:
        urls = {"api_url": arxiv.api_url, "oai_url": arxiv.oai_url, "content_url": arxiv.content_url}
        print(json.dumps(urls), flush=True)
        if asked.until_stdin_ends:
            sys.stdin.buffer.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
