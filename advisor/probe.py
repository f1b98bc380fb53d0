"""Probe: measure a model on a task before anything is trained, as traits that the advice can use.

One run of `reference_impls.probe` measures what a person could only guess: is the verifier right on gold answers, how
often is one response right (pass@1) and one of sixteen (pass@16), is the form missing or the skill, and how many groups
would teach nothing. Traits that a run cannot show (the domain, a teacher, the budget) stay unknown.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from advisor.runs.plan import ROWS, Task
from advisor.runs.probed import SAMPLES, Measurement, ProbeReport, traits_of, verifier_of
from advisor.runs.process import Follow, run_stage
from advisor.runs.result import Measured, Share, percent
from posttrain.errors import ConfigurationError, UnwritableError
from posttrain.files import json_lines, make_folder, write_json

PROMPTS = 100
ENOUGH_PROMPTS = 50  # below which a warning says that the intervals are wide
OF_ONE_RUN = ("technique", "model", "data", "verifier", "budget", "seed")  # settings that later runs do not share
GOLD = 0.95  # the least share of gold answers that a verifier has to accept
WRONG = 0.02  # the largest share of wrong ones that it may accept
_ROOM = "make room, or choose another file with --out"


def probe(
    model: str,
    data: str,
    verifier: str | None = None,
    samples: int = SAMPLES,
    prompts: int = PROMPTS,
    out: Path | None = None,
    settings: Mapping[str, object] | None = None,
    follow: Follow | None = None,
) -> ProbeReport:
    """Return the measurements of a model as it is, and the traits they answer; write both to `out` as JSON.

    `samples` rollouts of each of up to `prompts` test prompts; `settings` are those of reference_impls.configs. Raises
    PosttrainError where `out` cannot be written (before anything runs), and with the run's own message where it fails.
    """
    if out:
        _demand_writable(out)
    asked = {"model": model, "data": data, "verifier": verifier, "group_size": samples, "eval_size": prompts}
    given = {"technique": "probe", "rows": 1000 if data.startswith("task:") else ROWS, **asked, **(settings or {})}
    with tempfile.TemporaryDirectory(prefix="posttrain-probe-") as folder:
        result = run_stage(Path(folder), given, follow)
        examples = json_lines(Path(folder) / "samples.jsonl")[:3]
    measured = Measurement.of(result, examples)
    kept = {name: value for name, value in (settings or {}).items() if name not in OF_ONE_RUN}
    task = {"model": model, "data": data, "verifier": verifier or verifier_of(result), "settings": kept}
    speed = round(measured.tokens_per_second, 1)
    report = ProbeReport(
        traits=traits_of(result),
        task=Task.model_validate({**task, "tokens_per_second": speed}),
        measured=measured,
        warnings=(*_of_starter(model, data, measured), *warnings_of(measured, int(str(given["eval_size"])))),
    )
    if out:
        write_json(out, report.as_dict(), _ROOM)
    return report


def warnings_of(measured: Measurement, asked: int = PROMPTS) -> list[str]:
    """Return what should be corrected before anything is trained, each in a sentence that says how.

    asked: the prompts that were wanted; where fewer were there, more rows are needed.
    """
    gold, warnings = measured.verifier_on_gold, []
    if gold is None or gold.share is None:
        warnings.append("the verifier was not tried on gold: no row has a response, or an answer that it could accept")
    elif gold.share < GOLD:
        warnings.append(
            f"the verifier accepts {gold.k} of {gold.n} gold responses ({percent(gold.share)}); expected {GOLD:.0%}: "
            "mend the verifier or the rows before training, or the model learns its mistakes"
        )
    wrong = measured.verifier_on_wrong
    if wrong is not None and wrong.share is not None and wrong.share > WRONG:
        warnings.append(
            f"the verifier accepts {wrong.k} of {wrong.n} wrong responses, made from gold ones: take a stricter one, "
            "or score with another (--set eval_verifier=…): a policy learns whatever is rewarded"
        )
    if measured.unscorable.share > 0.05:
        warnings.append(f"{percent(measured.unscorable.share)} of the responses could not be scored: read the examples")
    if measured.finished.share < 0.9:
        warnings.append(
            f"only {percent(measured.finished.share)} of the responses ended by themselves: raise max_response_tokens"
        )
    if measured.greedy.n < ENOUGH_PROMPTS:
        more = (
            "a tenth of the rows is held back: add rows, or name a file of prompts with --set eval_data=FILE"
            if measured.greedy.n < asked
            else f"--prompts {PROMPTS} narrows them"
        )
        warnings.append(f"only {measured.greedy.n} prompts: the intervals are wide; {more}")
    return warnings


def _of_starter(model: str, data: str, measured: Measurement) -> list[str]:
    """Return a sentence where the bundled starter was asked what it has never seen."""
    if model != "starter" or data.startswith("task:") or measured.pass_at_1.k:
        return []
    return [
        "the starter knows only the generated tasks, such as task:addition, and no response of it to these rows is "
        "right: take a model of the hub, such as --model Qwen/Qwen2.5-0.5B"
    ]


def render(report: ProbeReport, *, colour: bool = False) -> list[str]:
    """Return the measurements as lines for a terminal, with the first row as the model sees it."""
    measured, task = report.measured, report.task
    view = measured.first_row.lines(colour=colour) if measured.first_row else []
    most = max(measured.pass_at_k, key=int)
    train, responses, answers = measured.rows.train, measured.rows.demonstrations, measured.rows.answers
    rows = [
        ("verifier on gold", _cell(measured.verifier_on_gold)),
        ("verifier on wrong", _cell(measured.verifier_on_wrong)),
        ("greedy, right in form", _cell(measured.greedy)),
        ("greedy, right anywhere", _cell(measured.greedy_lenient)),
        ("pass@1", _cell(measured.pass_at_1)),
        (f"pass@{most}", _cell(measured.prompts_ever_right)),
        ("form, of the right ones", _cell(measured.format_rate)),
        ("groups all alike", _cell(measured.equal_groups)),
        ("ended by themselves", _cell(measured.finished)),
        ("could not be scored", _cell(measured.unscorable)),
        ("rows to train on", f"{train:,}; {responses:,} with a response, {answers:,} with an answer"),
        ("tokens a row", f"{measured.row_tokens:.0f}"),
        ("tokens a second", f"{measured.tokens_per_second:,.0f}, sampling and verifying"),
        ("weights", f"{measured.parameters:,}"),
    ]
    head = f"{task.model} on {task.data}, verifier {task.verifier}"
    return [head, *(f"  {name:24}{value}" for name, value in rows), "", *view]


def _cell(share: Share | Measured | None) -> str:
    if share is None or share.share is None or share.low is None or share.high is None:
        return "not measured"
    interval = f"{100 * share.low:.1f} to {100 * share.high:.1f} %"
    return f"{percent(share.share):>8}  [{interval}]  {share.k:,} of {share.n:,}"


def _demand_writable(out: Path) -> None:
    make_folder(out.parent, _ROOM)
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UnwritableError(f"cannot write into {out.parent}: {error.strerror}", "take another --out") from error
    if out.is_dir():
        raise ConfigurationError(f"{out} is a folder; expected the name of a file", f"--out {out / 'traits.json'}")
