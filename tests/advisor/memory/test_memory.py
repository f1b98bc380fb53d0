"""Memory: phases, the published points, what does not fit, and a size alone."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import fromstring

from advisor.memory.answer import as_data, estimate_for
from advisor.memory.counts import OLDER, Counts, counts_of, counts_of_size, known_counts, known_name, parse_counts
from advisor.memory.phases import CACHED, CONTEXT, FLOWING, MARGIN, PHASES, Phase, estimate
from advisor.memory.published import error_rows, published_figures, published_points
from advisor.memory.remedies import cheapest_change, fits
from advisor.memory.report import summary, weights_in_words
from advisor.memory.setting import TECHNIQUES, Setting, default_setting, setting_of
from posttrain.errors import PosttrainError
from posttrain.install import install_hint
from reference_impls.configs import CHUNK_LOGITS, SEQUENCES_AT_ONCE, make_config
from tests.advisor.memory.documented import errors_as_markdown, known_shapes, left_out_as_markdown
from tests.measured import CONFIG, peak_of_update

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
TRAINING = ("forward", "recompute", "backward", "update")


def test_no_published_point_is_under_predicted() -> None:
    """The bound, from counts as from the size in the model's name, is nowhere below what was measured."""
    rows = error_rows()
    assert len(rows) == 54
    assert [row.point.name for row in rows if row.bound_error < 0] == []
    assert [row.point.name for row in rows if row.quick_error < 0] == []


def test_the_count_itself_is_near_what_was_measured() -> None:
    """Of the points whose settings are all published, without margin: half within 10 %."""
    errors = sorted(abs(row.raw_error) for row in error_rows() if row.point.reading == "allocated")
    assert errors[len(errors) // 2] < 0.10


def test_the_document_has_the_tables_that_are_computed() -> None:
    """docs/memory.md shows every row as it comes out now, and no other."""
    for table in (errors_as_markdown(), left_out_as_markdown()):
        start = DOCUMENT.index(table[0])
        assert DOCUMENT[start:].split("\n\n")[0].splitlines() == table
    assert " ".join(summary(error_rows()).split()) in " ".join(DOCUMENT.split())


def test_every_published_point_is_used_or_says_why_not() -> None:
    """A point off the grid has its reason, and each has a source and a date."""
    points = published_points()
    assert len(points) == len({point.name for point in points}) == 79
    assert all(point.why for point in points if not point.on_grid)
    assert all(point.source and point.date and point.published > 0 for point in points)


@pytest.mark.parametrize("name", sorted(known_shapes()))
def test_the_committed_counts_are_those_of_the_committed_shapes(name: str) -> None:
    """Vocabulary, layers and width agree; test_memory of reference_impls counts some of them anew."""
    shape, counts = known_shapes()[name], known_counts()[name]
    assert counts.layers == shape["num_hidden_layers"]
    assert counts.vocabulary == shape["vocab_size"]
    assert counts.hidden == shape["hidden_size"]
    assert counts.embedding == shape["vocab_size"] * shape["hidden_size"]
    assert counts.tied == shape["tie_word_embeddings"]


def test_known_models_have_the_size_of_their_name() -> None:
    """Nothing was written down wrong: the size is in the name, to a third (names round, embeddings are left out)."""
    for name, counts in known_counts().items():
        if name == "starter":  # whose name has no size
            continue
        size = next(part for part in reversed(name.split("-")) if part[-1] in "bm" and part[0].isdigit())
        named = float(size[:-1]) * (1e9 if size[-1] == "b" else 1e6)
        assert 0.98 < counts.parameters / named < 1.5, name


def test_the_parts_of_full_sft_worked_by_hand() -> None:
    """One billion float32 weights: 4 GB of weights, 8 of AdamW, 4 of gradients, whatever else is there."""
    made = estimate(counts_of_size(1.0), default_setting("sft"))
    counts = made.counts
    update = next(phase for phase in made.phases if phase.name == "update")
    assert update.parts == {
        "weights": 4 * counts.parameters, "optimizer": 8 * counts.parameters, "gradients": 4 * counts.parameters
    }  # fmt: skip


def test_the_peak_is_the_largest_phase_and_not_the_sum() -> None:
    """Margin and context come on top of the largest phase."""
    made = estimate_for("qwen2.5-0.5b", "grpo").estimate
    assert {phase.name for phase in made.phases} <= set(PHASES)
    assert made.raw == max(phase.total for phase in made.phases) < sum(phase.total for phase in made.phases)
    assert made.total == pytest.approx(made.raw * (1 + MARGIN + CACHED) + CONTEXT)


def test_logits_in_chunks_do_not_grow_with_tokens() -> None:
    """Our loops make 2^25 logits at once and no more."""
    counts = known_counts()["qwen2.5-0.5b"]
    few, many = (default_setting("sft", micro_batch=size, prompt_tokens=0) for size in (8, 64))
    logits = [
        next(phase for phase in estimate(counts, one).phases if phase.name == "forward").parts["logits"]
        for one in (few, many)
    ]
    assert few.logits_at_once == CHUNK_LOGITS
    assert logits[1] / logits[0] < 1.5
    whole = estimate(counts, replace(many, logits_at_once=0)).phases
    assert next(phase for phase in whole if phase.name == "forward").parts["logits"] > 10 * logits[1]


def test_a_reference_is_kept_for_a_kl_term_and_not_beside_adapters() -> None:
    """kl_coef asks for a copy of all weights; LoRA's starting policy is the policy without its adapters."""
    full = setting_of(make_config({"technique": "grpo", "kl_coef": 0.1}))
    lora = setting_of(make_config({"technique": "grpo", "kl_coef": 0.1, "lora_rank": 8}))
    assert full.reference
    assert not lora.reference
    parts = estimate(known_counts()["qwen3-0.6b"], full).phases[0].parts
    assert parts["reference"] == parts["weights"]


def test_a_setting_is_what_a_run_of_ours_asks_for() -> None:
    """Rollouts at once follow from the step, the score and what decoding holds at most."""
    assert setting_of(make_config({"technique": "sft"})).rollouts_at_once == 200
    assert setting_of(make_config({"technique": "grpo", "eval_size": 8})).rollouts_at_once == 64
    assert setting_of(make_config({"technique": "rejection_sampling"})).rollouts_at_once == SEQUENCES_AT_ONCE
    assert setting_of(make_config({"technique": "sft", "compute": "float32"})).compute == "float32"


@pytest.mark.parametrize("technique", sorted(TECHNIQUES))
def test_every_technique_has_an_estimate(technique: str) -> None:
    """With all weights, LoRA and QLoRA; each needs less than the one before."""
    totals = [
        estimate_for("qwen2.5-7b", technique, **one).estimate.total for one in ({}, {"lora": True}, {"qlora": True})
    ]
    assert totals == sorted(totals, reverse=True)


@settings(max_examples=40)
@given(
    st.floats(0.1, 100), st.sampled_from(sorted(TECHNIQUES)), st.booleans(), st.integers(1, 32), st.integers(1, 2048)
)
def test_more_never_needs_less(size: float, technique: str, lora: bool, batch: int, tokens: int) -> None:
    """More sequences, longer ones or all weights instead of adapters never lower the peak."""

    def total(tuning: str, batch: int, tokens: int) -> float:
        setting = default_setting(technique, tuning=tuning, micro_batch=batch, response_tokens=tokens)
        return estimate(counts_of_size(size), setting).total

    tuning = "lora" if lora else "full"
    least = total(tuning, batch, tokens)
    assert total(tuning, batch + 1, tokens) >= least
    assert total(tuning, batch, tokens + 1) >= least
    assert total("full", batch, tokens) >= least


def test_checkpointing_never_needs_more() -> None:
    """Every well-known model, our default."""
    for counts in known_counts().values():
        plain = default_setting("sft")
        assert estimate(counts, replace(plain, activation_checkpointing=True)).total <= estimate(counts, plain).total


def test_what_fits_needs_no_change() -> None:
    """A small model on a large GPU."""
    answer = estimate_for("smollm2-135m", "sft", gpu_gigabytes=80)
    assert answer.fits
    assert answer.change is None


def test_the_cheapest_change_fits_and_is_needed() -> None:
    """What is proposed fits; as it was asked for, it does not; and what only takes time comes before other weights."""
    answer = estimate_for("qwen2.5-0.5b", "sft", gpu_gigabytes=24)
    change = answer.change
    assert answer.fits is False
    assert change is not None
    assert fits(change.estimate, 24)
    assert change.setting.trains_all
    assert change.setting.micro_batch * change.setting.accumulation >= 64


def test_ever_smaller_gpus_ask_for_ever_costlier_changes() -> None:
    """3B: less at once, then LoRA, LoRA on bfloat16 weights, QLoRA or sharding, and at last another model."""
    counts = known_counts()["qwen2.5-3b"]
    setting = default_setting("sft")
    changes = {size: cheapest_change(setting, counts, size * 1e9) for size in (200, 80, 40, 16, 8)}
    told = {size: None if change is None else " ".join(change.steps) for size, change in changes.items()}
    assert "micro_batch" in str(told[80])
    assert "LoRA" in str(told[40]) or "8-bit" in str(told[40])
    assert changes[8] is not None
    assert changes[8].model is not None
    for size, change in changes.items():
        assert change is not None
        assert fits(change.estimate, size)


def test_nothing_fits_into_nothing() -> None:
    """A GPU smaller than CUDA's own context."""
    assert cheapest_change(default_setting("sft"), known_counts()["qwen2.5-3b"], 1e9) is None


def test_a_size_alone_is_no_less_than_the_model() -> None:
    """For every model whose shape stands for its size, the exact size gives at least what its counts give."""
    of_now = [counts for counts in known_counts().values() if not counts.model.startswith(OLDER)]
    assert len(of_now) == 23
    for counts in of_now:
        quick = estimate(counts_of_size(counts.parameters / 1e9), default_setting("grpo")).total
        assert quick >= estimate(counts, default_setting("grpo")).total * 0.999, counts.model


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b"),
        ("meta-llama/Meta-Llama-3.1-8B", "llama-3.1-8b"),
        ("allenai/OLMo-2-0425-1B-SFT", "olmo-2-1b"),
        ("HuggingFaceTB/SmolLM2-135M", "smollm2-135m"),
        ("nobody/unheard-of", None),
    ],
)
def test_hub_ids_of_well_known_models(name: str, known: str | None) -> None:
    """A hub id is looked up first, whatever stage of training it names."""
    assert known_name(name) == known


@pytest.mark.slow
def test_a_config_is_counted_in_a_process_of_its_own(tmp_path: Path) -> None:
    """A config.json gives the counts that the model's own code has."""
    place = tmp_path / "config.json"
    place.write_text(json.dumps({**CONFIG, "model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    counts = counts_of(str(place))
    assert counts.parameters == _counts().parameters
    assert counts.origin == "counted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "3b", "technique": "sfft"}, "expected one of sft"),
        ({"model": "0b", "technique": "sft"}, "expected a positive number"),
        ({"model": "3b", "technique": "sft", "lora": True, "qlora": True}, "two ways"),
        ({"model": "3b", "technique": "sft", "batches": 3}, "there is no setting 'batches'"),
        ({"model": "3b", "technique": "sft", "micro_batch": 0}, "micro_batch is 0"),
        ({"model": "no/such/config.json", "technique": "sft"}, "cannot read the config"),
        ({"model": "3b", "technique": "sft", "gpu_gigabytes": float("nan")}, "the GPU has nan gigabytes"),
        ({"model": "3b", "technique": "sft", "gpu_gigabytes": -3.0}, "the GPU has -3 gigabytes"),
    ],
)
def test_what_cannot_be_told_is_said_with_a_hint(arguments: dict[str, object], said: str) -> None:
    """What was found, what was expected, and the next command."""
    with pytest.raises(PosttrainError) as caught:
        estimate_for(**arguments)  # type: ignore[arg-type]
    assert said in caught.value.message
    assert caught.value.hint


def test_the_report_names_every_part_and_what_was_published() -> None:
    """Lines for a terminal: phases, peak, verdict, Appendix C with its contradictions, the check."""
    lines = estimate_for("qwen2.5-7b", "grpo", lora=True, gpu_gigabytes=24).lines()
    text = "\n".join(lines)
    for said in (
        "kv cache",
        "Peak:",
        "Does not fit 24 GB",
        "Cheapest change",
        "Appendix C",
        "contradiction",
        "Checked",
    ):
        assert said in text
    assert max(map(len, lines)) < 400


def test_a_tiny_model_is_written_in_units_that_fit_it_and_without_what_is_about_others() -> None:
    """No model of 0.00B parameters, and no contradiction between figures that are not shown."""
    text = "\n".join(estimate_for("starter", "sft").lines())
    assert f"starter, {known_counts()['starter'].parameters:,} parameters" in text
    assert "0.00B" not in text and "contradiction" not in text and "here 0 GB" not in text
    weights = next(line.split() for line in text.splitlines() if line.startswith("weights"))
    assert float(weights[1]) == pytest.approx(4 * known_counts()["starter"].parameters / 1e6, abs=0.01)
    assert [weights_in_words(size) for size in (999_999, 124_400_000, 7_620_000_000)] == ["999,999", "124.4M", "7.62B"]


@pytest.mark.parametrize(("technique", "lora", "contradictions"), [
    ("sft", False, 0), ("sft", True, 1), ("grpo", False, 1), ("grpo", True, 3),
])  # fmt: skip
def test_a_contradiction_stands_with_the_figures_that_it_is_about(
    technique: str, lora: bool, contradictions: int
) -> None:
    """Appendix C contradicts itself on LoRA and on RL, and nowhere on full SFT."""
    lines = estimate_for("7b", technique, lora=lora).lines()
    assert sum(line.strip().startswith("contradiction: ") for line in lines) == contradictions


def test_a_process_that_dies_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No line of its log is searched; the command shows why."""
    (tmp_path / "model").mkdir()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PosttrainError, match="the process that counts ended with 1") as caught:
        counts_of(str(tmp_path / "model"))
    assert (
        "give the model's size" in caught.value.hint
        and "/bin/false -m reference_impls.model.memory" in caught.value.hint
    )


def test_without_torch_a_model_that_is_not_well_known_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size alone needs no torch, and the hint says both ways out."""
    monkeypatch.setattr("advisor.memory.counts.find_spec", lambda name: None)
    with pytest.raises(PosttrainError, match="not all installed") as caught:
        counts_of("some/model")
    assert "1.5b" in caught.value.hint and install_hint("train") in caught.value.hint


def test_the_answer_as_data_is_json() -> None:
    """Every part in whole bytes, and the points it was checked on."""
    values = json.loads(json.dumps(as_data(estimate_for("3b", "sft", gpu_gigabytes=8))))
    assert values["fits"] is False
    assert values["change"]["steps"]
    assert len(values["checked_on"]) == 54
    assert all(isinstance(one, int) for phase in values["phases"] for one in phase["parts"].values())


def test_the_answer_in_a_notebook_has_every_phase_and_part() -> None:
    """A frame with a row for each phase, whose parts add up, and an HTML table with the same numbers."""
    answer = estimate_for("qwen2.5-7b", "grpo", gpu_gigabytes=24)
    frame = answer.to_frame()
    assert list(frame["phase"]) == [phase.name for phase in answer.estimate.phases]
    assert list(frame.drop(columns=["phase", "total"]).sum(axis=1)) == pytest.approx(list(frame["total"]))
    table = fromstring(answer._repr_html_())
    cells = [[cell.text_content() for cell in row] for row in table.iter("tr")]
    assert cells[0] == ["GB", *frame["phase"]]
    assert cells[-1] == ["together", *(f"{total / 1e9:.2f}" for total in frame["total"])]
    assert "Does not fit 24 GB" in table.findtext(".//caption/p[2]")


def test_published_figures_decide_nothing() -> None:
    """Appendix C and verl's minimum configurations are there, and no estimate reads them."""
    figures = published_figures()
    assert len(figures["appendix_c"]["figures"]) == 4
    assert len(figures["appendix_c"]["trouble"]) == 3
    assert len(figures["verl"]["minimum"]) == 12
    source = "".join(
        (ROOT / "advisor" / "memory" / name).read_text() for name in ("phases.py", "remedies.py", "counts.py")
    )
    assert "published" not in source.replace("published point", "")


def test_memory_starts_light() -> None:
    """The advisor estimates without torch."""
    code = "import sys, advisor.memory as m; m.estimate_for('1.5b', 'grpo'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("lora_rank", [0, 8])
def test_a_real_update_of_ours_peaks_where_it_is_said_to(
    lora_rank: int, checkpointing: bool, compute: str, accumulation: int
) -> None:
    """The allocator's own account of a step on the CPU: no more than the count, and all of it that is no bound.

    A processor's kernels may need room of their own (oneDNN copies bfloat16 where the processor cannot multiply it, 5 %
    here) or none; the tensors are the same on all of them.
    """
    real = peak_of_update(
        lora_rank=lora_rank, checkpointing=checkpointing, compute=compute, micro_batch=4, accumulation=accumulation,
        length=256,
    )  # fmt: skip
    setting = Setting(
        tuning="lora" if lora_rank else "full", lora_rank=lora_rank or 16, compute=compute,  # type: ignore[arg-type]
        micro_batch=4, accumulation=accumulation, prompt_tokens=127, response_tokens=128,
        activation_checkpointing=checkpointing,
    )  # fmt: skip
    phases = [phase for phase in estimate(_counts(), setting).phases if phase.name in TRAINING]
    peak = max(phases, key=lambda phase: phase.total)
    print(f"lora {lora_rank} checkpointing {checkpointing} {compute} x{accumulation}: {peak.total / real - 1:+.1%}")
    assert peak.total - _most_at_once(peak, setting) <= real <= peak.total
    assert compute == "bfloat16" or peak.total / real < 1.15


def _most_at_once(peak: Phase, setting: Setting) -> float:
    """Return the part of a peak that the count bounds: tensors that are there in turn and, at the most, at once.

    In the forward phase: the steps from a logit to its gradient. In the backward pass: gradients on their way through a
    layer, autocast's copies of the layer's weights, and the second gradient of the output matrix.
    """
    if peak.name == "forward":
        return peak.parts["logits"]
    kept = _counts().kept_in("float32", setting.compute, adapters=setting.tuning == "lora")
    head = 4 * _counts().head if setting.tuning == "full" else 0
    return FLOWING * kept.layer_per_token * setting.tokens + kept.layer_constant + head


@cache
def _counts() -> Counts:
    """The small model, counted once."""
    from transformers import AutoConfig

    from reference_impls.model import memory

    return parse_counts(asdict(memory.count(AutoConfig.for_model("llama", **CONFIG))))


def test_the_bundled_starter_is_a_well_known_model() -> None:
    """Its committed counts are those of the policy that is bundled, so that a plan need not load torch for it."""
    shape = json.loads((ROOT / "reference_impls" / "starter" / "config.json").read_text())
    assert {name: shape[name] for name in known_shapes()["starter"]} == known_shapes()["starter"]
    assert known_name("starter") == "starter"
