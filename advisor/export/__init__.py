"""Plain files that run a pipeline elsewhere: configurations, data, the verifier, and the command that runs them.

Nothing of the target is imported here: a new version of it changes a template and nothing else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from advisor.advice.pipelines import Pipeline
from advisor.export import trl, verl
from advisor.export.folder import Folder
from advisor.export.job import make_job
from posttrain.errors import ConfigurationError, PosttrainError

TARGETS = {"trl": trl, "verl": verl}
SCRIPTS = {"trl": "run.sh", "verl": "run_verl.sh"}  # the file that runs all stages


def export(
    target: str, task: Mapping[str, object], pipeline: Pipeline, stages: Sequence[Mapping[str, object]], out: Path
) -> list[Path]:
    """Write the files that run `pipeline` in `target`, trl or verl, into the folder `out`, and return their paths.

    task: model, data and verifier (None for a generated task's own); stages: the settings of each stage, those of a
    `config.json` of reference_impls. Each stage starts from the model that the stage before it saved. Raises
    ConfigurationError for an unknown target, a stage that the target cannot train, invalid settings or data, and a
    folder with files in it; then nothing is written.
    """
    if target not in TARGETS:
        raise ConfigurationError(
            f"--to is '{target}'; expected one of {', '.join(TARGETS)}", "advisor export PLAN --to trl"
        )
    folder = Folder(out)
    trainers = TARGETS[target].TRAINERS
    for technique in pipeline.stages:
        if technique not in trainers:
            raise _without_trainer(target, technique, TARGETS[target].ELSEWHERE.get(technique, ""))
    job = make_job(task, pipeline, stages)
    TARGETS[target].write(job, folder)
    return folder.written


def _without_trainer(target: str, technique: str, elsewhere: str) -> PosttrainError:
    known = ", ".join(TARGETS[target].TRAINERS)
    return ConfigurationError(
        f"{TARGETS[target].NAME} cannot train the stage '{technique}'" + (f": {elsewhere}" if elsewhere else ""),
        f"export a pipeline of {known}, or run the stage by itself and export the rest",
    )
