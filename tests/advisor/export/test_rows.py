"""An export trains on the tokens that a run here trains on: TRL itself is asked, or the row is refused by name."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from posttrain.errors import PosttrainError
from reference_impls.configs import make_config
from reference_impls.model import demonstrations
from reference_impls.model.templates import Template
from reference_impls.tasks import load_task
from tests.advisor.exporting import make, write_rows
from tests.reference_impls.chat_templates import tokenizer_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:A test tried to use socket"),
]
LIMITS: dict[str, Any] = {"max_prompt_tokens": 400, "max_response_tokens": 200}
TIDE = {"type": "function", "function": {"name": "tide", "description": "Tide at a port.", "parameters": {
    "type": "object", "properties": {"port": {"type": "string"}}}}}  # fmt: skip
CHATS: list[dict[str, Any]] = [
    {"system": "Answer like a sailor.", "prompt": "Is it high water?", "response": "Aye."},
    {"messages": [{"role": "user", "content": "Name a port."}, {"role": "assistant", "content": "Brest."},
                  {"role": "user", "content": "Another."}, {"role": "assistant", "content": "Hull."}]},
    {"messages": [{"role": "user", "content": "Say no."}, {"role": "assistant", "content": "Yes.", "weight": 0},
                  {"role": "user", "content": "No, say no."}, {"role": "assistant", "content": "No."}]},
    {"tools": [TIDE], "messages": [
        {"role": "system", "content": "Use the tools."}, {"role": "user", "content": "Tide at Brest?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "tide", "arguments": {"port": "Brest"}}}]},
        {"role": "tool", "content": "low"}, {"role": "assistant", "content": "It is low."}]},
]  # fmt: skip
THINKS = {"messages": [{"role": "user", "content": "2 + 2?"},
                       {"role": "assistant", "content": "4", "reasoning_content": "Twice two."}]}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A tiny model with the tokenizer that the test names, as a folder."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tokenizer_of(getattr(request, "param", "ChatML, Qwen2.5"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, eos_token_id=tokenizer.eos_token_id, pad_token_id=None, bos_token_id=None,
    )  # fmt: skip
    folder = tmp_path / "model"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def several(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return twelve of each row with a number in its first text, so that each split of the file has some."""
    copies = []
    for row in rows:
        for number in range(12):
            text = json.dumps(row)
            for mark in ("?", "."):
                if mark in text:
                    text = text.replace(mark, f" {number}{mark}", 1)
                    break
            copies.append(json.loads(text))
    return copies


def prepared(monkeypatch: pytest.MonkeyPatch, out: Path, model: Path) -> None:
    """Do what `python prepare.py MODEL` does there."""
    monkeypatch.chdir(out)
    monkeypatch.syspath_prepend(str(out))
    limits = [f"--{name.replace('_', '-')}={value}" for name, value in LIMITS.items()]
    monkeypatch.setattr(sys, "argv", ["prepare.py", str(model), *limits])
    runpy.run_path(str(out / "prepare.py"), run_name="__main__")


def data_of(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "data" / f"{name}.jsonl").read_text().splitlines()]


def ours(model: Path, technique: str, **settings: Any) -> tuple[Template, tuple[Any, ...], Any]:
    """Return template, rows to train on and config of a run here with these settings."""
    from reference_impls.model.policy import load_policy

    config = make_config({"technique": technique, "model": str(model), "device": "cpu", **LIMITS, **settings})
    rows = load_task(config.data, split="train", rows=config.rows, seed=config.seed).rows
    return load_policy(config).template, rows, config


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rows", "settings"),
    [
        ("ChatML, Qwen2.5", CHATS, {}),
        ("ChatML, Qwen2.5", CHATS, {"turns": "last", "system": "Be brief.", "prompt_template": "Question: {prompt}"}),
        ("Qwen3", [*CHATS, THINKS], {}),
        ("Qwen3", CHATS[:2], {"chat_template_kwargs": {"enable_thinking": False}}),
        ("Llama 3.1", CHATS[:3], {}),
        ("DeepSeek-R1", [CHATS[0]], {}),
    ],
    indirect=["model"],
)
def test_trl_imitates_the_tokens_of_a_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, rows: list[dict[str, Any]], settings: dict[str, Any]
) -> None:
    """What its trainer gives to the model is, sequence by sequence, what our SFT gives, labels included."""
    from datasets import load_dataset  # type: ignore[import-untyped]
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    file = tmp_path / "rows.jsonl"
    write_rows(file, several(rows))
    template, own, config = ours(model, "sft", data=str(file), **settings)
    if demonstrations.closes_thought(template, own):
        template = Template(**{**vars(template), "closes_thought": True})
    expected, _ = demonstrations.encode_demonstrations(template, own, turns=config.turns, **LIMITS)
    make(tmp_path / "out", "sft", task={"model": str(model), "data": str(file)}, **LIMITS, rows=1000, **settings)
    prepared(monkeypatch, tmp_path / "out", model)
    written = yaml.safe_load((tmp_path / "out" / "stage_1_sft.yaml").read_text())
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(model),
        args=SFTConfig(str(tmp_path / "run"), use_cpu=True, bf16=False, report_to=[], max_length=written["max_length"]),
        train_dataset=load_dataset("json", data_files=str(tmp_path / "out/data/demonstrations.jsonl"), split="train"),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    dataset: Any = trainer.train_dataset
    there = sorted((list(row["input_ids"]), list(row["labels"])) for row in dataset)
    assert there == sorted(labelled(each) for each in expected)
    assert len(there) >= 9 * len(rows)
    batch = trainer.data_collator([dataset[0]])
    assert batch["labels"][0].tolist() == list(dataset[0]["labels"])


def labelled(sequence: Any) -> tuple[list[int], list[int]]:
    """Return ids, and as labels those that are trained on."""
    trained = sequence.trained or (True,) * len(sequence.response)
    labels = [token if own else -100 for token, own in zip(sequence.response, trained, strict=True)]
    return [*sequence.prompt, *sequence.response], [-100] * len(sequence.prompt) + labels


def nothing(completions: list[Any], **_: Any) -> list[float | None]:
    """Return no reward; TRL's trainer wants a function of it."""
    return [0.0] * len(completions)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rows", "settings", "form"),
    [
        ("ChatML, Qwen2.5", CHATS[:3], {"system": "Be brief."}, list),
        ("ChatML, Qwen2.5", CHATS, {}, str),
        ("Qwen3", CHATS[:2], {"chat_template_kwargs": {"enable_thinking": False}}, list),
    ],
    indirect=["model"],
)
def test_trl_samples_from_the_prompts_of_a_run_here(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: Path,
    rows: list[dict[str, Any]],
    settings: dict[str, Any],
    form: type,
) -> None:
    """Its own trainer of GRPO makes of each prompt the ids that a rollout here begins with."""
    from datasets import Dataset
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    file, out = tmp_path / "rows.jsonl", tmp_path / "out"
    write_rows(file, [{**row, "answer": "x"} for row in several(rows)])
    template, own, _ = ours(model, "grpo", data=str(file), verifier="exact", **settings)
    task = {"model": str(model), "data": str(file), "verifier": "exact"}
    make(out, "grpo", task=task, **LIMITS, rows=1000, **settings)
    prepared(monkeypatch, out, model)
    written = yaml.safe_load((out / "stage_1_grpo.yaml").read_text())
    prompts = [row["prompt"] for row in data_of(out, "prompts")]
    assert {type(prompt) for prompt in prompts} == {form}
    arguments = {"chat_template_kwargs": written.get("chat_template_kwargs")}
    trainer = GRPOTrainer(
        str(model), reward_funcs=nothing,
        args=GRPOConfig(str(tmp_path / "run"), use_cpu=True, bf16=False, report_to=[], **arguments),
        train_dataset=Dataset.from_list([{"prompt": "a"}]),
    )  # fmt: skip
    ids, _, _ = trainer._tokenize_prompts(prompts)
    assert [tuple(each) for each in ids] == [template.prompt_ids(row) for row in own]


def test_a_model_without_a_template_gets_its_system_text_and_separator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base model reads text: the prompt template, the separator and the end are in the tokens."""
    from tests.reference_impls.small_models import save_model

    model, file = save_model(tmp_path / "model"), tmp_path / "rows.jsonl"
    write_rows(file, [{"prompt": f"{n}+1", "response": f"{n}"} for n in range(30)])
    settings = {"system": "add", "prompt_template": "q: {prompt}", "separator": "="}
    template, own, _ = ours(model, "sft", data=str(file), **settings)
    expected, _ = demonstrations.encode_demonstrations(template, own, **LIMITS)
    make(tmp_path / "out", "sft", task={"model": str(model), "data": str(file)}, **LIMITS, **settings)
    prepared(monkeypatch, tmp_path / "out", model)
    there = data_of(tmp_path / "out", "demonstrations")
    assert [(row["input_ids"], row["labels"]) for row in there] == [labelled(each) for each in expected]
    assert there[0]["text"].replace(" ", "").startswith("add") and there[0]["text"].endswith("<eos>")


@pytest.mark.parametrize(
    ("target", "pipeline", "row", "message"),
    [
        ("trl", "dpo", {"tools": [TIDE]}, "row 1 of .* has definitions of tools; the stage 'dpo' of TRL"),
        ("trl", "kto", THINKS, "reasoning_content"),
        ("verl", "sft", CHATS[3], "definitions of tools; the stage 'sft' of verl"),
        ("verl", "sft", THINKS, "a thought of its own"),
        ("verl", "sft", CHATS[2], "a turn of weight 0"),
        ("verl", "grpo", {"chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs"),
    ],
)
def test_a_row_that_would_be_another_there_is_refused_by_name(
    tmp_path: Path, target: str, pipeline: str, row: dict[str, Any], message: str
) -> None:
    """The error names row, part, stage and target, and nothing is written."""
    pair = {"prompt": "Is it late?", "response": "No.", "chosen": "No.", "rejected": "Yes."}
    base = {"label": 1, "answer": "No.", **({} if "messages" in row else pair)}
    file = tmp_path / "rows.jsonl"
    write_rows(file, several([{**base, **row}] * 3))
    with pytest.raises(PosttrainError, match=message) as refused:
        make(tmp_path / "out", pipeline, target, {"model": "m", "data": str(file), "verifier": "exact"}, rows=1000)
    assert refused.value.hint
    assert not (tmp_path / "out").exists()


def test_the_turns_setting_of_verl_is_refused_where_it_would_matter(tmp_path: Path) -> None:
    """verl trains on every turn of the assistant; one turn a row is the same under either setting."""
    chats, single = tmp_path / "chats.jsonl", tmp_path / "single.jsonl"
    write_rows(chats, several([CHATS[1]] * 3))
    write_rows(single, several([CHATS[0]] * 3))
    make(tmp_path / "single", "sft", "verl", {"model": "m", "data": str(single)}, turns="last")
    make(tmp_path / "all", "sft", "verl", {"model": "m", "data": str(chats)}, turns="all")
    with pytest.raises(PosttrainError, match="earlier turns of the assistant, and turns is `last`"):
        make(tmp_path / "last", "sft", "verl", {"model": "m", "data": str(chats)}, turns="last")


def test_stages_with_other_settings_of_the_template_are_refused(tmp_path: Path) -> None:
    """The data is written once for all stages."""
    from advisor.advice.pipelines import PIPELINES
    from advisor.export import export
    from tests.advisor.exporting import SETTINGS, TASK

    stages = [{**SETTINGS, "system": "Add."}, SETTINGS]
    with pytest.raises(PosttrainError, match="stage_2_grpo has another system than stage_1_sft"):
        export("trl", TASK, PIPELINES["sft_grpo"], stages, tmp_path / "out")
