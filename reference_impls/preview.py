"""Preview: the first row of a task as a model sees it, without its weights.

    echo '{"technique": "sft", "model": "starter", "data": "task:addition"}' | python -m reference_impls.preview

Reads the settings of a run on stdin and prints the row as one JSON object on stdout, or `{"error": [message, hint]}`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace

from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.first_row import FirstRow
from reference_impls.configs import make_config
from reference_impls.model.templates import load_tokenizer, make_template
from reference_impls.run.intake import closes_thought, first_row
from reference_impls.tasks import load_task


def preview(settings: Mapping[str, object]) -> FirstRow:
    """Return the first row of a run with these settings. Raises PosttrainError where nothing can be shown."""
    config = make_config(settings)
    tokenizer = load_tokenizer(config.model)
    template = make_template(tokenizer, config, frozenset({tokenizer.eos_token_id}))
    task = load_task(config.data, rows=config.rows, seed=config.seed, noise=config.noise)
    if closes_thought(template, config, task):
        template = replace(template, closes_thought=True)
    view = first_row(template, task, config)
    if view is None:
        raise ConfigurationError(
            f"the chat template of {config.model} renders no row of {config.data}", "advisor probe says why"
        )
    return view


def main() -> int:
    """Read the settings, print the row; return 0, or 2 for an error."""
    try:
        print(json.dumps(preview(json.load(sys.stdin)).as_dict()))
    except PosttrainError as error:
        print(json.dumps({"error": [error.message, error.hint]}))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
