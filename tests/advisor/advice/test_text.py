"""The answer: words, data, price and evidence, from the command that people run."""

import csv
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from advisor.advice.cost import Span, estimate
from advisor.advice.data import as_data
from advisor.advice.evidence import Field
from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.advice.recommend import recommend
from advisor.advice.text import lines
from advisor.memory.answer import estimate_for
from advisor.task.traits import BY_NAME, Traits, make_traits
from posttrain.reference import reference_path
from survey.trends.methods_by_domain import TRAINS, bundled_counts, prevalence, rows_of
from survey.warehouse.database import Warehouse

KNOWN = {"verifier": "unit-tests", "verifier_on_gold": 1, "pass_at_k": 0.6, "prompting": "tried", "domain": "code"}


def advisor(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, away from the checkout's own data."""
    return subprocess.run(
        [sys.executable, "-m", "advisor.cli", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "POSTTRAIN_DATA": str(folder / "data")},
    )  # fmt: skip


def test_ask_prints_one_object_and_writes_the_same(tmp_path: Path) -> None:
    """--json and --out hold the same answer, complete for a plan."""
    settings = [part for name, value in KNOWN.items() for part in ("--set", f"{name}={value}")]
    done = advisor("ask", "--no-input", *settings, "--json", "--out", str(tmp_path / "a.json"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["schema_version"], printed["command"]) == (1, "ask")
    assert printed["data"] == json.loads((tmp_path / "a.json").read_text())
    top = printed["data"]["ranked"][0]
    assert top["id"] == "rejection_sampling"
    assert top["pipeline"] == [{"technique": "rejection_sampling"}]
    assert top["method"] == "sft"
    assert {"rule", "text", "source", "dissent"} <= set(top["reasons"][0])
    assert {"trait", "value", "top"} <= set(printed["data"]["would_change"][0])
    assert printed["data"]["abstained"] is True
    assert printed["data"]["traits"]["hours"] is None


def test_ask_in_words_names_reasons_dissent_price_and_changes(tmp_path: Path) -> None:
    """A reader finds everything to argue with on one screen, and no line is too long."""
    settings = [part for name, value in KNOWN.items() for part in ("--set", f"{name}={value}")]
    done = advisor("ask", "--no-input", *settings, folder=tmp_path)
    text = done.stdout
    for part in ("Recommended: Sample, keep", "but [braindrip]", "costs", "papers on code that train", "After it:",
                 "What would change this answer:", "[agentic-wiki] Agentic AI wiki", "gives", "risks"):  # fmt: skip
        assert part in text
    *shown, command = text.splitlines()  # the last line is a command to copy, with every trait that was given
    assert max(map(len, shown)) <= 110
    assert command.startswith("to keep and try it: advisor ask --no-input --set domain=code")
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--set", "demonstrations=0", "--set", "demonstration_quality=clean"], "contradict each other", "unknown"),
        (["--set", "verifyer=rule"], "did you mean verifier?", "advisor traits"),
        (["--set", "pass_at_1=120%"], "expected a share from 0 to 1", "advisor ask --set pass_at_1="),
        (["--traits", "none.json"], "cannot read none.json", "advisor probe"),
        (["--out", "/nowhere/a.json"], "cannot write /nowhere/a.json", "--out"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], message: str, hint: str, tmp_path: Path) -> None:
    """Exit code 2, one sentence and the next step; no traceback."""
    done = advisor("ask", "--no-input", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_traits_are_listed_for_people_and_programs(tmp_path: Path) -> None:
    """Every question is there, with what may be answered."""
    words = advisor("traits", folder=tmp_path).stdout
    data = json.loads(advisor("traits", "--json", folder=tmp_path).stdout)["data"]
    assert all(name in words for name in BY_NAME)
    assert {one["name"] for one in data["traits"]} == set(data["schema"]["properties"]) == set(BY_NAME)


def test_data_holds_every_pipeline_once() -> None:
    """Ranked or ruled out with what it lacks."""
    told = as_data(recommend(make_traits(KNOWN)))
    assert sorted([one["id"] for one in told["ranked"]] + [one["id"] for one in told["ruled_out"]]) == sorted(PIPELINES)


def test_costs_are_counted_by_hand() -> None:
    """1,000 rows of 100 tokens, two or three passes, a model of 1e9 weights: 6 FLOPs a weight and token."""
    cost = estimate(PIPELINES["sft"], make_traits({"demonstrations": 1000, "row_tokens": 100, "parameters": 1}))
    assert cost.trained == Span(200_000, 300_000)
    assert cost.generated == Span(0, 0)
    assert cost.gpu_hours is not None
    assert cost.gpu_hours.low == pytest.approx(6e9 * 200_000 / (989e12 * 0.4) / 3600)
    assert cost.gpu_hours.high == pytest.approx(6e9 * 300_000 / (989e12 * 0.2) / 3600)
    assert cost.assumed == ()


def test_unknown_sizes_are_a_range_and_said() -> None:
    """Nothing is priced as if it were known."""
    cost = estimate(PIPELINES["grpo"], Traits({}))
    assert cost.gpu_hours is None
    assert cost.generated.low < cost.generated.high
    assert cost.assumed == ("200 to 2,000 prompts", "512 to 2,048 row tokens")


@pytest.mark.parametrize("pipeline", LADDER, ids=lambda one: one.id)
def test_every_pipeline_has_a_price(pipeline: object) -> None:
    """From nothing for those that train nothing; low is never above high."""
    cost = estimate(pipeline, make_traits({"parameters": 7}))  # type: ignore[arg-type]
    assert cost.gpu_hours is not None
    assert cost.gpu_hours.low <= cost.gpu_hours.high
    assert (cost.gpu_hours.high == 0) == (not pipeline.stages)  # type: ignore[attr-defined]


def test_a_price_uses_what_is_known() -> None:
    """Response lengths, steps and logged responses change the price; unknown ones are assumed and named."""
    grpo, rejection = PIPELINES["grpo"], PIPELINES["rejection_sampling"]
    known = {"prompts": 100, "row_tokens": 1000}
    assert estimate(grpo, make_traits(known)).generated == Span(16 * 100 * 500, 80 * 100 * 500)
    short = estimate(grpo, make_traits({**known, "response_tokens": 50}))
    assert short.generated == Span(16 * 100 * 50, 80 * 100 * 50)
    assert short.trained == estimate(grpo, make_traits(known)).trained  # the whole row is read in training
    long = estimate(grpo, make_traits({"prompts": 100, "steps": 10}))
    assert long.trained == estimate(grpo, make_traits({"prompts": 100})).trained.times(10)
    assert long.assumed == ("10 actions of 512 to 2,048 tokens",)
    sampled = estimate(rejection, make_traits(known)).generated
    logged = estimate(rejection, make_traits({**known, "traces": 800})).generated
    assert logged == Span(sampled.low - 800 * 500, sampled.high - 800 * 500) and logged.low == 0
    assert estimate(PIPELINES["filter_traces"], make_traits({"traces": 800})).generated == Span(0, 0)
    assert estimate(PIPELINES["adapt_language"], make_traits({"facts_megabytes": 40})).trained == Span(1e7, 4e7)


def test_after_a_plateau_the_next_stage_is_priced_alone() -> None:
    """It starts from the SFT checkpoint; so does the plan."""
    known = make_traits({"demonstrations": 1000, "prompts": 100, "row_tokens": 100, "parameters": 7})
    plateau = known.replaced(sft_result="plateau")
    both, alone = PIPELINES["sft_grpo"], estimate(PIPELINES["grpo"], known)
    assert estimate(both, plateau) == alone
    assert estimate(both, known).trained.low == alone.trained.low + 200_000
    option = next(one for one in recommend(plateau).ranked if one.pipeline is both)
    assert "sft is done: start grpo from its checkpoint" in option.start
    data = next(one for one in as_data(recommend(plateau))["ranked"] if one["id"] == "sft_grpo")  # type: ignore[attr-defined]
    assert data["pipeline"] == [{"technique": "sft", "done": True}, {"technique": "grpo", "done": False}]


@pytest.mark.parametrize("size", [0.5, 1.5, 3, 7, 14, 70])
@pytest.mark.parametrize("top", ["sft", "grpo", "dpo", "rejection_sampling", "kto"])
def test_ask_and_memory_name_one_figure_for_one_setting(size: float, top: str) -> None:
    """On thirty settings the command that the answer prints gives the bytes that the answer gives."""
    memory = estimate(
        PIPELINES[top], make_traits({"parameters": size, "row_tokens": 700, "response_tokens": 300})
    ).memory
    assert memory is not None
    for command, total in zip(memory.commands, (memory.adapters, memory.whole), strict=True):
        words = command.split()
        options = dict(pairwise(words))
        answer = estimate_for(
            options["--model"], options["--technique"], lora="--lora" in words, library="--library" in words,
            micro_batch=int(options["--batch"]), prompt_tokens=int(options["--prompt-tokens"]),
            response_tokens=int(options["--response-tokens"]),
        )  # fmt: skip
        assert answer.estimate.total == total
        assert (options["--prompt-tokens"], options["--response-tokens"]) == ("400", "300")


def test_evidence_is_k_of_n_with_an_interval() -> None:
    """Of the bundled papers on mathematics that train, as many as the committed labels say."""
    evidence = Field().evidence(PIPELINES["grpo"], make_traits({"domain": "math"}))
    counts = bundled_counts()["math"]
    assert evidence is not None
    assert (evidence.k, evidence.n) == (counts["rl"], sum(counts[one] for one in TRAINS))
    assert evidence.low < evidence.share < evidence.high
    assert Field().evidence(PIPELINES["prompt_only"], Traits({})) is None
    assert prevalence({}, "math", "rl") is None


def test_the_committed_prevalence_is_what_the_counts_say() -> None:
    """prevalence.csv is no second truth: the warehouse of the bundled counts gives the same rows."""
    with Warehouse.from_counts(reference_path("mentions.parquet")) as warehouse:
        expected = [(domain, method, str(papers)) for domain, method, papers in rows_of(warehouse)]
    with reference_path("prevalence.csv").open(newline="") as file:
        assert [tuple(row.values()) for row in csv.DictReader(file)] == expected


def test_words_and_data_agree() -> None:
    """The recommended pipeline of the words is the first of the data."""
    answer = recommend(make_traits(KNOWN))
    assert lines(answer)[0] == f"Recommended: {as_data(answer)['ranked'][0]['title']}"
