"""Pilot: run the arms of a plan, a process each; the end is a table, a curve, a verdict and a case for the bank.

    OUT/plan.json  status.json  arms/ARM/seed-S/stage-N-TECHNIQUE/  →  outcome.json  table.md  curve.svg

`status.json` is replaced all the time, so that anything can watch. A pilot that was killed at any moment is resumed
with --resume and ends in the same outcome: finished stages are read, unfinished ones resume from their last step.
"""

import shlex
from pathlib import Path

from advisor.bank.cases import add_case, case_of, read_bank
from advisor.runs.estimate import budget_text
from advisor.runs.execution import run_arms
from advisor.runs.folder import ROOM, PilotFolder
from advisor.runs.outcome import Outcome
from advisor.runs.plan import Plan
from advisor.runs.process import demand_torch
from advisor.runs.report import texts
from advisor.runs.scoring import outcome_of
from advisor.runs.watch import watched
from posttrain.errors import ExitCode
from posttrain.files import make_folder
from reference_impls.configs import Budget

MORE = 5  # times the budget, where a pilot told nothing apart


def run_pilot(plan: Plan, out: Path, *, resume: bool = False, at_once: int = 1, bank: Path | None = None) -> Outcome:
    """Return the outcome of a plan, run in folder `out`, and write outcome.json, table.md, curve.svg and the case.

    An arm that fails is counted and the others go on; `exit_code` says whether one failed. Only a whole outcome becomes
    a case of `bank`. Raises BusyError where another pilot works in the folder, ConfigurationError where the folder is
    another plan's, PosttrainError where the model cannot be scored as it is, and InterruptedRunError after Ctrl-C;
    finished work is kept for `resume`.
    """
    demand_torch()
    if bank:
        read_bank(bank)  # better an error now than after an hour of training
    make_folder(out, ROOM)
    folder = PilotFolder(out)
    with folder.held():
        folder.begin(plan, resume=resume)
        with watched(plan, folder) as watch:
            runs = run_arms(watch, at_once)
            outcome = outcome_of(plan, runs, folder.curves().points)
            folder.write_outcome(outcome, texts(outcome))
            watch.finish(outcome)
        if bank and not outcome.failed:
            add_case(bank, case_of(outcome, runs))
    return outcome


def next_command(outcome: Outcome, folder: Path) -> str:
    """Return the command after a pilot: failed runs again, the winner at full size, or a pilot that can tell more.

    folder: that of the pilot, whose plan.json is exported or run again.
    """
    plan = folder / "plan.json"
    if outcome.failed:
        return shlex.join(["advisor", "pilot", str(plan), "--out", str(folder), "--resume"])
    verdict, untrained = outcome.verdict, outcome.untrained.id
    winner = next((arm for arm in outcome.arms if arm.id == verdict.simplest), None)
    if winner and untrained not in (verdict.best, *verdict.ties):
        words = ["advisor", "export", str(plan), "--to", "trl", "--arm", winner.id, "--out", f"{winner.id}-trl"]
        return shlex.join(words)
    trained = dict.fromkeys(arm.pipeline for arm in outcome.arms if arm.id != untrained)
    task, more = outcome.task, Budget.parse(outcome.budget)
    words = ["advisor", "plan", ",".join(trained), "--model", task.model, "--data", task.data]
    words += ["--verifier", task.verifier] if task.verifier else []
    return shlex.join([*words, "--budget", budget_text(MORE * more.amount, more.unit), "--seeds", "0,1,2"])


def exit_code(outcome: Outcome) -> ExitCode:
    """Return 0 for a whole outcome, 4 (partial, resume possible) where a run failed."""
    return ExitCode.PARTIAL if outcome.failed else ExitCode.OK
