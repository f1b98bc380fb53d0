"""The answer as Markdown, from the same plain object that `advisor ask --json` prints."""

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.advice.text import said
from advisor.task.traits import BY_NAME

RIVALS = 4


def as_markdown(told: Mapping[str, Any]) -> str:
    """Return the answer of `advisor.advice.text.as_data` as a page: pipeline, reasons, rivals, and what would change
    it.
    """
    top, *others = told["ranked"]
    known = {name: value for name, value in told["traits"].items() if value is not None}
    lines = [f"# {top['title']}", "", *_about(top), "", "## Why", "", *_reasons(top), "", "## After it", ""]
    rivals = [one for one in others if one["score"] > 0][:RIVALS]
    lines += [f"- **{one['title']}** (`{one['id']}`, {one['score']} points): {one['gives']}" for one in rivals]
    lines += ["", "## What would change this answer", ""]
    lines += [f"- `{one['trait']} = {said(one['value'])}`: `{one['top']}`" for one in told["would_change"]]
    lines += ["", "## What was said of the task", ""]
    lines += [f"- {BY_NAME[name].question} **{said(value)}**" for name, value in known.items()] or ["- nothing"]
    sources = {name for reason in top["reasons"] for name in (*reason["source"],
               *(one["source"] for one in reason["dissent"]))}  # fmt: skip
    lines += ["", "## Sources", "", *(f"- [{name}] {told['sources'][name]}" for name in sorted(sources))]
    said_again = " ".join(f"--set {name}={said(value)}" for name, value in known.items())
    return "\n".join([*lines, "", f"`advisor ask --no-input {said_again}`".replace(" `", "`"), ""])


def _about(top: Mapping[str, Any]) -> Iterator[str]:
    stages = " → ".join(stage["technique"] for stage in top["pipeline"]) or "nothing is trained"
    yield f"- stages: {stages}; method {top['method']}; {top['score']} points"
    yield f"- gives: {top['gives']}"
    yield f"- risks: {top['risks']}"
    if top["pipeline"]:
        yield f"- costs: {top['cost']['text']}"
    if top["evidence"]:
        yield f"- field: {top['evidence']['text']}"
    for need in top["open_needs"]:
        yield f"- not known yet: `{need}`"


def _reasons(top: Mapping[str, Any]) -> Iterator[str]:
    for reason in top["reasons"]:
        number = f" ({reason['number']})" if reason["number"] else ""
        yield f"- {reason['points']:+d}: {reason['text']}{number} [{', '.join(reason['source'])}]"
        yield from (f"    - but [{one['source']}] {one['says']}" for one in reason["dissent"])
