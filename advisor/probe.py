"""Measure: what a model does on a task before anything is trained, as traits that the advice can use.

One run of `reference_impls.probe` answers what a person could only guess: is the verifier right on gold answers, how
often is one response right (pass@1) and one of sixteen (pass@16), is it the form or the skill that is missing, and how
many groups would teach nothing. What a run cannot see (the domain, a teacher, the purse) stays unknown.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.runs.process import Follow, json_lines, make_folder, run_stage, write_json
from advisor.task.traits import make_traits
from posttrain.errors import ConfigurationError
from reference_impls.configs import COMPARES

SCHEMA_VERSION = 1
SAMPLES = 16  # the k of the traits pass_at_k and equal_groups
PROMPTS = 100
ROWS = 100_000  # of a file that are counted
OF_ONE_RUN = ("technique", "model", "data", "verifier", "budget", "seed")  # settings that say nothing of later runs
LEAST_RIGHT = 20  # right responses, below which nothing is said of their form
GOLD = 0.95  # the least share of gold answers that a verifier has to accept
DOMAINS = {"addition": "math", "countdown": "math", "modular": "math", "program": "code"}
_SHARES = ("verifier_on_gold", "pass_at_1", "prompts_ever_right", "format_rate", "equal_groups", "finished",
           "unscorable")  # fmt: skip


def probe(
    model: str,
    data: str,
    verifier: str | None = None,
    samples: int = SAMPLES,
    prompts: int = PROMPTS,
    out: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    follow: Follow | None = None,
) -> dict[str, Any]:
    """Return `traits`, `task`, `measured` and `warnings` of a model as it is, and write them to `out` as JSON.

    `samples` rollouts of each of up to `prompts` test prompts; `settings` are those of reference_impls.configs. Raises
    PosttrainError where `out` cannot be written (before anything runs), and with the run's own words where it fails.
    """
    if out:
        _demand_writable(out)
    asked = {"model": model, "data": data, "verifier": verifier, "group_size": samples, "eval_size": prompts}
    given = {"technique": "probe", "rows": 1000 if data.startswith("task:") else ROWS, **asked, **(settings or {})}
    with tempfile.TemporaryDirectory(prefix="posttrain-probe-") as folder:
        result = run_stage(Path(folder), given, follow)
        examples = json_lines(Path(folder) / "samples.jsonl")[:3]
    measured = measured_by(result) | {"examples": examples}
    task = {"model": model, "data": data, "verifier": verifier or result["probe"]["verifier"]}
    kept = {name: value for name, value in (settings or {}).items() if name not in OF_ONE_RUN}
    task |= {"settings": kept, "tokens_per_second": round(measured["tokens_per_second"], 1)}
    found = {
        "schema_version": SCHEMA_VERSION,
        "traits": traits_of(result),
        "task": task,
        "measured": measured,
        "warnings": warnings_of(measured),
    }
    if out:
        write_json(out, found)
    return found


def measured_by(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a probe's result says, each share with k, n and interval; `pass_at_k` is a number for each k."""
    probed = result["probe"]
    return {
        **{name: probed[name] for name in _SHARES},
        "greedy": result["before"]["strict"],
        "greedy_lenient": result["before"]["lenient"],
        "samples": result["config"]["group_size"],
        **{name: probed[name] for name in ("pass_at_k", "rows", "row_tokens", "tokens_per_second")},
        **{name: result[name] for name in ("parameters", "notes", "device", "skipped_rows")},
    }


def traits_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the traits that a probe's result fills in; what it does not tell is left out, which means unknown.

    pass_at_k and equal_groups are asked for 16 responses: fewer leave them unknown, and so do few right responses the
    form. Rows are counted where they may be
    trained on, which is 80 % of a file; a generated task makes as many as are asked for.
    """
    probed = result["probe"]
    compares = probed["verifier"].partition(":")[0] in COMPARES
    task, _, family = str(result["config"]["data"]).partition(":")
    found: dict[str, Any] = {
        "domain": DOMAINS.get(family.split(":")[0]) if task == "task" else None,
        "demonstrations": probed["rows"]["demonstrations"],
        "prompts": probed["rows"]["answers" if compares else "train"],
        "verifier": "unit-tests" if probed["verifier"] == "unit-tests" else "rule",
        "verifier_on_gold": _share(probed["verifier_on_gold"]),
        "parameters": round(result["parameters"] / 1e9, 6),
        "row_tokens": round(probed["row_tokens"], 1),
        "pass_at_1": _share(probed["pass_at_1"]),
    }
    if probed["format_rate"]["n"] >= LEAST_RIGHT:
        found["format_rate"] = _share(probed["format_rate"])
    if result["config"]["group_size"] >= SAMPLES:
        found["pass_at_k"] = round(probed["pass_at_k"][str(SAMPLES)], 4)
        found["equal_groups"] = _share(probed["equal_groups"])
    return dict(make_traits(found).values)


def warnings_of(measured: Mapping[str, Any]) -> list[str]:
    """Return what should be mended before anything is trained, each in a sentence that says what to do."""
    gold, said = measured["verifier_on_gold"], []
    if gold is None or not gold["n"]:
        said.append("the verifier was not tried on gold: no row has a response, or an answer that it could accept")
    elif gold["share"] < GOLD:
        said.append(
            f"the verifier accepts {gold['k']} of {gold['n']} gold responses ({_percent(gold)}); expected {GOLD:.0%}: "
            "mend the verifier or the rows before training, or the model learns its mistakes"
        )
    if measured["unscorable"]["share"] > 0.05:
        said.append(f"{_percent(measured['unscorable'])} of the responses could not be scored: look at the examples")
    if measured["finished"]["share"] < 0.9:
        said.append(
            f"only {_percent(measured['finished'])} of the responses ended by themselves: raise max_response_tokens"
        )
    if measured["greedy"]["n"] < 50:
        said.append(f"{measured['greedy']['n']} prompts were asked: the intervals are wide; 100 or more say more")
    return said


def render(found: Mapping[str, Any]) -> list[str]:
    """Return what was measured as lines for a terminal."""
    measured, task = found["measured"], found["task"]
    most = max(measured["pass_at_k"], key=int)
    rows = [
        ("verifier on gold", _told(measured["verifier_on_gold"])),
        ("greedy, right in form", _told(measured["greedy"])),
        ("greedy, right anywhere", _told(measured["greedy_lenient"])),
        ("pass@1", _told(measured["pass_at_1"])),
        (f"pass@{most}", _told(measured["prompts_ever_right"])),
        ("form, of the right ones", _told(measured["format_rate"])),
        ("groups all alike", _told(measured["equal_groups"])),
        ("ended by themselves", _told(measured["finished"])),
        ("could not be scored", _told(measured["unscorable"])),
        ("rows to train on", "{train:,}; {demonstrations:,} with a response, {answers:,} with an answer".format(
            **measured["rows"])),
        ("tokens a row", f"{measured['row_tokens']:.0f}"),
        ("tokens a second", f"{measured['tokens_per_second']:,.0f}, sampling and verifying"),
        ("weights", f"{measured['parameters']:,}"),
    ]  # fmt: skip
    head = f"{task['model']} on {task['data']}, verifier {task['verifier']}"
    return [head, *(f"  {name:24}{value}" for name, value in rows)]


def _share(found: Mapping[str, Any] | None) -> float | None:
    return None if found is None or found["share"] is None else round(found["share"], 4)


def _percent(found: Mapping[str, Any]) -> str:
    return f"{100 * found['share']:.1f} %"


def _told(found: Mapping[str, Any] | None) -> str:
    if found is None or not found["n"]:
        return "not measured"
    interval = f"{100 * found['low']:.1f} to {100 * found['high']:.1f} %"
    return f"{_percent(found):>8}  [{interval}]  {found['k']:,} of {found['n']:,}"


def _demand_writable(out: Path) -> None:
    make_folder(out.parent)
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ConfigurationError(f"cannot write into {out.parent}: {error.strerror}", "take another --out") from error
    if out.is_dir():
        raise ConfigurationError(f"{out} is a folder; expected the name of a file", f"--out {out / 'traits.json'}")
