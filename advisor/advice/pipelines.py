"""Pipelines: the ladder of answers to a task, from no training to several stages of imitation and reward.

A pipeline is a sequence of stages, each a technique. Its method is computed from them; by it advice and survey are
compared. The first rungs train nothing, and are answers too.
"""

from dataclasses import dataclass
from functools import cached_property

from advisor.advice.techniques import TECHNIQUES, Kind
from advisor.task.conditions import Condition, parse
from advisor.task.traits import Traits

_VERIFIER = "verifier in rule|unit-tests|environment|judge"
_TRUE_VERIFIER = "verifier_on_gold >= 0.95"
_SOMETIMES = "pass_at_k > 0"
_TEACHER = "teacher in black-box|white-box"
_PERMITTED = "teacher_permitted == yes"
_DEMONSTRATIONS = "demonstrations >= 1"


@dataclass(frozen=True)
class Pipeline:
    """One answer: its stages, its needs, its benefit and its risks."""

    id: str
    title: str
    stages: tuple[str, ...]  # techniques, in order; none where nothing is trained
    needs: tuple[str, ...]  # conditions; one that is known not to hold rules the pipeline out
    gives: str
    risks: str
    settings: tuple[dict[str, object], ...] = ()  # of each stage, where a pilot needs other values than the defaults

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The needs, parsed."""
        return tuple(map(parse, self.needs))

    @property
    def method(self) -> str:
        """The survey's label for a paper that trains so: none, sft, rl, hybrid, or preference."""
        kinds = {TECHNIQUES[stage].kind for stage in self.stages}
        if Kind.HYBRID in kinds or {Kind.IMITATION, Kind.ONLINE} <= kinds:
            return "hybrid"
        if Kind.ONLINE in kinds:
            return "rl"
        if Kind.PREFERENCE in kinds:
            return "preference"
        return "sft" if kinds else "none"

    @property
    def is_bundled(self) -> bool:
        """Whether every stage has a reference implementation here; a pipeline without stages needs none."""
        return all(TECHNIQUES[stage].bundled for stage in self.stages)

    def done(self, traits: Traits) -> int:
        """Return how many leading stages were run before: SFT, where it is known to have reached a plateau.

        The next stage starts from that checkpoint, and is priced and planned alone.
        """
        return int(traits.get("sft_result") == "plateau" and self.stages[:1] == ("sft",) and len(self.stages) > 1)


# In the order of the ladder: earlier rungs are cheaper and more stable, and come first where points are equal.
LADDER: tuple[Pipeline, ...] = (
    Pipeline(
        "prompt_only", "Prompt first: instructions and examples in the prompt", (), (),
        "an answer within the hour, and the baseline that any training has to beat",
        "long prompts cost at every call; a prompt adds no skill that the model lacks",
    ),
    Pipeline(
        "no_training", "Do not train: the model does it already", (), (),
        "no risk and no cost",
        "the few failures left may be the ones that matter: look at them",
    ),
    Pipeline(
        "make_evaluation", "First make an evaluation: a held-out set and a score", (), (),
        "a way to distinguish gains from luck",
        "a set unlike later use measures something else",
    ),
    Pipeline(
        "fix_verifier", "First fix the verifier or judge", (), ("verifier != none",),
        "a signal worth learning from",
        "a technique that samples learns the verifier's mistakes first",
    ),
    Pipeline(
        "retrieve", "Retrieve the facts at inference time", (), (),
        "facts can be changed without training",
        "it does not change the model's behaviour",
    ),
    Pipeline(
        "constrain_form", "Constrain decoding to the form: a JSON schema, a grammar, a list of choices", (), (),
        "a form that is always right, at once and without training",
        "needs a form that a grammar can state; a constrained model may answer worse, so measure both",
    ),
    Pipeline(
        "collect", "Collect at least 50 demonstrations, or write a verifier if there is none", (), (),
        "something to learn from; either one opens the ladder",
        "demonstrations unlike the prompts of later use teach something else",
    ),
    Pipeline(
        "sft", "Supervised fine-tuning on demonstrations", ("sft",), (_DEMONSTRATIONS,),
        "the demonstrated form and skill, stably and cheaply",
        "not better than its demonstrations; copies their mistakes; may forget skills that they leave out",
    ),
    Pipeline(
        "dft", "SFT with each token weighted by its probability (DFT)", ("dft",), (_DEMONSTRATIONS,),
        "imitation with less influence of wrong demonstrations",
        "weak where the base model gives the right tokens little probability; reported failures outside mathematics",
    ),
    Pipeline(
        "iterative_sft", "Correct own responses by the verifier's messages, and imitate them (iterative SFT)",
        ("iterative_sft",), (_VERIFIER, _TRUE_VERIFIER, "verifier_explains == yes"),
        "uses the whole failure message; a reward keeps one number",
        "a person or a strong model has to write the corrections",
    ),
    Pipeline(
        "filter_traces", "Keep the logged responses that the verifier accepts, imitate them",
        ("sft",), ("traces >= 1", _VERIFIER, _TRUE_VERIFIER),
        "a training set without a single new rollout",
        "logs hold the prompts of the past, and the mistakes that the verifier does not see",
    ),
    Pipeline(
        "rejection_sampling", "Sample, keep what the verifier accepts, imitate it",
        ("rejection_sampling",), (_VERIFIER, _TRUE_VERIFIER, _SOMETIMES),
        "a training set above the model's average, from its own best responses; no demonstrations needed",
        "useless without a filter; prompts that the model never solves stay unsolved",
        settings=({"rounds": 1},),
    ),
    Pipeline(
        "expert_iteration", "Rejection sampling, round after round (expert iteration)",
        ("rejection_sampling",), (_VERIFIER, _TRUE_VERIFIER, _SOMETIMES),
        "gains add up while each round samples from a better policy",
        "plateaus; reduces the variety of responses",
    ),
    Pipeline(
        "distillation", "Imitate a teacher's responses, checked where there is a verifier",
        ("distillation",), (_TEACHER, _PERMITTED),
        "the teacher's behaviour on this task in a cheaper model",
        "the teacher's failures and limits are copied too; licence and terms of use",
    ),
    Pipeline(
        "distillation_logits", "Match a teacher's whole distribution (white-box distillation)",
        ("distillation_logits",), ("teacher == white-box", _PERMITTED),
        "a distribution at each token; text shows a single token",
        "needs logits and a tokenizer that can be aligned; off-policy, like all imitation",
    ),
    Pipeline(
        "on_policy_distillation", "Let the teacher score the student's own rollouts, token by token",
        ("on_policy_distillation",), ("teacher == white-box", _PERMITTED),
        "a dense signal on the states that the student really visits",
        "needs the teacher's logits during training",
    ),
    Pipeline(
        "dpo", "Learn preferences directly (DPO)", ("dpo",), ("preference_pairs >= 1",),
        "the choice between two acceptable responses, which imitation cannot teach",
        "off-policy; responses drift and get longer; works best from a fine-tuned start",
    ),
    Pipeline(
        "sft_dpo", "SFT, then DPO", ("sft", "dpo"), (_DEMONSTRATIONS, "preference_pairs >= 1"),
        "the form from imitation, then the choice among good responses",
        "two stages to tune",
    ),
    Pipeline(
        "kto", "Learn from thumbs up and down (KTO)", ("kto",), ("thumbs >= 1",),
        "uses single verdicts, without pairs",
        "a weaker signal than pairs; unbalanced thumbs need weights",
    ),
    Pipeline(
        "sft_rejection_sampling", "SFT, then rejection sampling", ("sft", "rejection_sampling"),
        (_DEMONSTRATIONS, _VERIFIER, _TRUE_VERIFIER),
        "demonstrations raise the model to where its own responses are worth keeping",
        "two stages to tune; the verifier's mistakes are learned too",
        settings=({}, {"rounds": 1}),
    ),
    Pipeline(
        "grpo", "Reinforcement learning from groups of rollouts (GRPO)", ("grpo",),
        (_VERIFIER, _TRUE_VERIFIER, _SOMETIMES),
        "learns from wrong responses too; can exceed the demonstrations",
        "collapse, reward hacking; many times the compute of imitation; no signal where a group has equal rewards",
    ),
    Pipeline(
        "sft_grpo", "SFT, then GRPO", ("sft", "grpo"), (_DEMONSTRATIONS, _VERIFIER, _TRUE_VERIFIER),
        "imitation for stability, then reward for cases without demonstrations",
        "the SFT checkpoint with the best score need not be the best start; two stages to tune",
    ),
    Pipeline(
        "hybrid", "Demonstrations and rollouts in one loss (CHORD)", ("chord",),
        (_DEMONSTRATIONS, _VERIFIER, _TRUE_VERIFIER),
        "imitation and reward together; imitation gives a signal where all rollouts fail",
        "a weight to schedule; recent, with few independent reports",
    ),
    Pipeline(
        "prefix_hybrid", "Roll out from prefixes of demonstrations (BREAD, UFT, Prefix-RFT)", ("prefix_rft",),
        (_DEMONSTRATIONS, _VERIFIER, _TRUE_VERIFIER),
        "reward reaches long or hard tasks that the model never solves from the start",
        "recent; needs demonstrations that can be cut and continued",
    ),
    Pipeline(
        "stepwise_rl", "Reward each step's similarity to an expert's (SRL)", ("srl",),
        (_DEMONSTRATIONS, "steps > 1"),
        "a dense reward where no rollout ever succeeds",
        "needs demonstrations cut into actions; no public code",
    ),
    Pipeline(
        "rlhf", "SFT, a reward model of preferences, PPO (RLHF)", ("sft", "reward_model", "ppo"),
        (_DEMONSTRATIONS, "preference_pairs >= 1"),
        "optimises people's preferences online, and can exceed the demonstrations",
        "three models to train and hold; reward hacking",
    ),
    Pipeline(
        "r1_zero", "Reinforcement learning from a base model, no demonstrations (R1-Zero)", ("grpo",),
        (_VERIFIER, _TRUE_VERIFIER, _SOMETIMES, "start == base", "parameters >= 3"),
        "long reasoning from reward alone",
        "unreadable mixtures of languages; fails at 0.5 billion weights",
    ),
    Pipeline(
        "r1", "Cold start, GRPO, rejection sampling, GRPO (R1)", ("sft", "grpo", "rejection_sampling", "grpo"),
        (_DEMONSTRATIONS, _VERIFIER, _TRUE_VERIFIER, "gpus >= 8"),
        "the recipe of the reasoning models",
        "four stages to tune; needs a cluster",
    ),
    Pipeline(
        "adapt_language", "Continue pre-training on raw text of the language, on a small scale",
        ("continued_pretraining",), ("facts_megabytes >= 1", "new_language == yes"),
        "the words and the grammar of a language that the model hardly saw",
        "other languages are forgotten unless some of their text is mixed in; tokenizers split rare scripts finely",
    ),
    Pipeline(
        "adapt_language_sft", "Continue pre-training on raw text of the language, then SFT",
        ("continued_pretraining", "sft"), ("facts_megabytes >= 1", "new_language == yes", _DEMONSTRATIONS),
        "the language first, then the task in it",
        "two stages to tune; the first forgets, the second hides it",
    ),
    Pipeline(
        "continued_pretraining", "Train on the text, then SFT (continued pre-training)",
        ("continued_pretraining", "sft"), ("facts_megabytes >= 500", _DEMONSTRATIONS),
        "vocabulary and facts of a field, in amounts that retrieval cannot carry",
        "forgetting; weeks of work; facts remain hard to change",
    ),
)  # fmt: skip
PIPELINES = {pipeline.id: pipeline for pipeline in LADDER}
