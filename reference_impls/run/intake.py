"""The rows of a run, as stderr and result.json tell them: the first as the model sees it, and those left out."""

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby

from posttrain.first_row import FirstRow
from reference_impls.configs import ProbeConfig, RolloutConfig, RunConfig
from reference_impls.model import demonstrations
from reference_impls.model.batches import Encoded
from reference_impls.model.demonstrations import demonstration_of
from reference_impls.model.templates import RowRefusedError, Template
from reference_impls.tasks.columns import FOR_VERIFIERS
from reference_impls.tasks.row import Row, Task


def imitates(config: RunConfig) -> bool:
    """Whether a technique learns from the demonstrations of the rows."""
    return not isinstance(config, RolloutConfig)


def closes_thought(template: Template, config: RunConfig, task: Task) -> bool:
    """Whether prompts close a thought that the template opens; never where the policy writes the responses itself."""
    return imitates(config) and demonstrations.closes_thought(template, task.rows)


def first_row(template: Template, task: Task, config: RunConfig) -> FirstRow | None:
    """Return the first row that is trained on, or sampled from, as tokens; None where the template refuses all.

    A probe trains nothing; it shows what imitation would train on.
    """
    demonstrated = imitates(config) or isinstance(config, ProbeConfig)
    rows = [row for row in task.rows if row.is_demonstration] if demonstrated else []
    for row in rows or task.rows:
        try:
            sequences = _sequences(template, row, config, demonstrated=bool(rows))
        except RowRefusedError:
            continue
        if sequences:
            return _shown(template, task, row, sequences)
    return None


def _sequences(template: Template, row: Row, config: RunConfig, *, demonstrated: bool) -> list[Encoded]:
    if demonstrated:
        return demonstration_of(template, row, config.turns)
    return [Encoded(template.prompt_ids(row), ())]


def _shown(template: Template, task: Task, row: Row, sequences: Sequence[Encoded]) -> FirstRow:
    last = max(sequences, key=len)
    trained = [False] * len(last.prompt) + list(last.trained or [True] * len(last.response))
    pairs = zip((*last.prompt, *last.response), trained, strict=True)
    runs = [(is_trained, [token for token, _ in group]) for is_trained, group in groupby(pairs, lambda pair: pair[1])]
    more = f"{len(sequences) - 1} earlier turns are sequences of their own, as the template writes them at that time"
    return FirstRow(
        pieces=tuple((_text(template, ids), is_trained) for is_trained, ids in runs),
        trained=last.tokens_trained,
        read=len(last) - last.tokens_trained,
        end=_text(template, [template.end]),
        line=row.line,
        unused=unused_of(row),
        left_out=dict(task.skipped),
        notes=(more,) if len(sequences) > 1 else (),
    )


def unused_of(row: Row) -> tuple[str, ...]:
    """Return the columns of a row that neither prompt, response nor a verifier of this project uses."""
    read = (*FOR_VERIFIERS, "chosen", "weight", "label")
    return tuple(name for name, value in row.extra.items() if name.lower() not in read and value not in (None, "", []))


def _text(template: Template, ids: Sequence[int]) -> str:
    return template.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def narrate(view: FirstRow | None, tasks: Mapping[str, Task]) -> None:
    """Print the first row and what was left out of each task, with the lines, on stderr."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for line in view.lines(colour=colour) if view else ():
        print(line, file=sys.stderr)
    printed: set[str] = set()
    for split, task in tasks.items():
        for reason, count in task.skipped.items():
            if f"{reason} {count}" not in printed:  # a file is read for each split, and its counts are the same
                printed.add(f"{reason} {count}")
                lines = task.places.get(reason, ())
                where = f" (lines {', '.join(map(str, lines[:10]))}{' …' if len(lines) > 10 else ''})" if lines else ""
                print(f"{split}: {count:,} rows: {reason}{where}", file=sys.stderr)
        for warning in task.warnings:
            if warning not in printed:
                printed.add(warning)
                print(f"warning: {warning}", file=sys.stderr)
