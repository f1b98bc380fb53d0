"""The tables of docs/memory.md: `python -m tests.benchmarks.memory` prints them.

With `--write` the well-known models of data/reference/model_shapes.toml are counted again into model_counts.json, which
takes some minutes; a name after it counts that model alone.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from advisor.memory.published import error_rows
from advisor.memory.report import summary
from tests.advisor.memory.documented import errors_as_markdown, known_shapes, left_out_as_markdown

COUNTS = Path(__file__).resolve().parents[2] / "data" / "reference" / "model_counts.json"


def main() -> None:
    """Print the tables, or count and write."""
    if "--write" in sys.argv:
        write(sys.argv[sys.argv.index("--write") + 1 :] or list(known_shapes()))
        return
    print("\n".join([summary(error_rows()), "", *errors_as_markdown(), "", *left_out_as_markdown()]))


def write(names: list[str]) -> None:
    """Count these models and put them into the committed file, a line each."""
    held: dict[str, Any] = json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.exists() else {}
    for name in names:
        held[name] = count(name)
        print(f"{name}: {held[name]['parameters'] / 1e9:.3f}B", file=sys.stderr, flush=True)
        lines = ",\n".join(
            f"  {json.dumps(known)}: {json.dumps(held[known])}" for known in known_shapes() if known in held
        )
        COUNTS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def count(name: str) -> dict[str, Any]:
    """Return the counts of a well-known model, counted now."""
    from transformers import AutoConfig

    from reference_impls.model import memory

    counted = asdict(memory.count(AutoConfig.for_model(**known_shapes()[name]), name))
    return json.loads(json.dumps(counted))  # type: ignore[no-any-return]  # tuples become lists, as in the file


if __name__ == "__main__":
    main()
