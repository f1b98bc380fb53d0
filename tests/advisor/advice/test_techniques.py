"""The table of techniques: complete for the five texts and the ladder, and true where it can be checked."""

import re
from pathlib import Path

import pytest

from advisor.advice.pipelines import LADDER
from advisor.advice.techniques import TECHNIQUES, Kind
from reference_impls.configs import CONFIGS

SOURCES = Path(__file__).resolve().parents[4] / "shared" / "sources"
TEXTS = ("baseten", "braindrip", "survey", "elicitation", "agentic-wiki")
FILES = {text: f"{number:03}_*.txt" for number, text in enumerate(TEXTS)}

# What each text names by itself, read by a person.
NAMED = {
    "baseten": "sft rl iterative_sft rgt prm reward_model truncated_importance_sampling distillation "
    "distillation_logits on_policy_distillation gad rlhf grpo rejection_sampling",
    "braindrip": "sft rl rlhf rlaif reward_model rlvr dpo grpo ppo r1_zero r1",
    "survey": "sft rl rlhf gem token_cleaning one_token_rollout reinforce remax rloo reinforce_plus_plus ppo grpo "
    "entropy_bonus weighted_entropy clip_cov kl_cov lima fisher_sft data_mixing data_synthesis rollout_selection "
    "prompt_selection curriculum distribution_curriculum prefix_rft chord uft hpt srl luffy srft bread nft relift dft "
    "iw_sft uft_una failed_query_sampling unknown_answers factuality_ppo critique_dpo hierarchical_rl swe_rl "
    "iterative_refinement offline_rl reward_model dpo",
    "elicitation": "sft rl",
    "agentic-wiki": "sft rl rejection_sampling expert_iteration star distillation ppo reward_model",
}

# Names that mean one technique wherever they stand.
TELLING = {
    "iterative_sft": "iterative SFT", "rgt": "RGT", "truncated_importance_sampling": "truncated importance sampling",
    "rlhf": "RLHF", "rlaif": "RLAIF", "grpo": "GRPO", "dpo": r"(?<!Critique-)DPO", "ppo": "PPO", "r1_zero": "R1-Zero",
    "on_policy_distillation": "on-policy distillation", "expert_iteration": "expert iteration", "star": "STaR",
    "gem": "GEM", "token_cleaning": "Token Cleaning", "one_token_rollout": "One-Token Rollout", "chord": "CHORD",
    "uft": "UFT", "srl": "SRL", "srft": "SRFT", "bread": "BREAD", "nft": "NFT", "relift": "ReLIFT", "dft": "DFT",
    "iw_sft": "iw-SFT", "fisher_sft": "FisherSFT", "critique_dpo": "Critique-DPO", "curriculum": "curriculum",
    "reinforce": r"REINFORCE\b(?!-)", "prm": "process reward model", "reward_model": "reward model", "sft": "SFT",
    "rl": r"\bRL\b", "offline_rl": "offline RL", "lima": r"1,000 high-quality", "luffy": "off-policy guided",
}  # fmt: skip


def test_the_table_holds_the_techniques_of_texts_and_rules() -> None:
    """Seventy-one, of four kinds, and no two with one name."""
    assert len(TECHNIQUES) == 71
    assert {technique.kind for technique in TECHNIQUES.values()} == set(Kind)
    assert len({technique.name for technique in TECHNIQUES.values()}) == len(TECHNIQUES)


def test_every_stage_of_every_pipeline_is_a_technique() -> None:
    """The ladder names nothing that the table does not explain."""
    stages = [stage for pipeline in LADDER for stage in pipeline.stages]
    assert len(stages) == 34
    assert set(stages) <= set(TECHNIQUES)


@pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=TECHNIQUES)
def test_each_technique_is_told_in_short_sentences(technique) -> None:  # type: ignore[no-untyped-def]
    """An id that is a word, a plain arXiv id of its year or earlier, a known text, two sentences of one line."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", technique.id)
    assert re.fullmatch(r"|\d{4}\.\d{5}", technique.arxiv)
    if technique.arxiv:
        year, month = divmod(int(technique.arxiv[:4]), 100)
        assert technique.year == 2000 + year and 1 <= month <= 12
    assert technique.named_in and set(technique.named_in) <= {*TEXTS, "rules"}
    assert "rules" not in technique.named_in or technique.named_in == ("rules",)
    for sentence in (technique.needs, technique.gives):
        assert 10 < len(sentence) <= 110 and sentence.endswith(".")


@pytest.mark.parametrize("technique", [one for one in TECHNIQUES.values() if one.bundled], ids=lambda one: one.id)
def test_what_is_bundled_can_be_run(technique) -> None:  # type: ignore[no-untyped-def]
    """Its settings and the file of its loop exist, and one whose id can be run is run by that id."""
    assert technique.bundled in CONFIGS
    loop = CONFIGS[technique.bundled].family
    assert (Path(__file__).resolve().parents[3] / "reference_impls" / f"{loop}.py").exists()
    assert technique.id not in CONFIGS or technique.bundled == technique.id


def test_how_much_is_bundled() -> None:
    """Sixteen techniques that run, twenty-six entries that they serve; the probe trains nothing and is no technique."""
    bundled = {technique.id: technique.bundled for technique in TECHNIQUES.values() if technique.bundled}
    assert set(bundled.values()) == set(CONFIGS) - {"probe"}
    assert len(bundled) == 26


def test_the_two_called_uft_are_apart() -> None:
    """One acronym, two papers, two kinds, and each says that it is not the other."""
    one, other = TECHNIQUES["uft"], TECHNIQUES["uft_una"]
    assert (one.arxiv, one.kind) == ("2505.16984", Kind.HYBRID)
    assert (other.arxiv, other.kind) == ("2410.21438", Kind.IMITATION)
    assert other.arxiv in one.note and one.arxiv in other.note


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_all_that_it_names(text: str) -> None:
    """Whatever a person found named in a text is in the table, with that text."""
    named = NAMED[text].split()
    assert [name for name in named if text not in TECHNIQUES[name].named_in] == []


def test_the_texts_were_read_to_the_end() -> None:
    """How many techniques a person found in each."""
    assert [len(set(NAMED[text].split())) for text in TEXTS] == [14, 11, 47, 2, 8]


@pytest.mark.parametrize("text", TEXTS)
def test_a_telling_name_stands_in_the_text_or_does_not(text: str) -> None:
    """Where the texts lie beside the checkout, names that mean one technique are where the table says."""
    found = list(SOURCES.glob(FILES[text]))
    if not found:
        pytest.skip("no source texts beside the checkout")
    words = found[0].read_text(encoding="utf-8")
    wrong = [
        name
        for name, pattern in TELLING.items()
        if (text in TECHNIQUES[name].named_in) != bool(re.search(pattern, words, re.I if pattern.islower() else 0))
    ]
    assert wrong == []
