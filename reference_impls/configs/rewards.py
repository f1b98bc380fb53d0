"""The settings of the techniques that sample from the policy."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from reference_impls.configs.run import RunConfig


class RolloutConfig(RunConfig):
    """The settings of every technique that samples."""

    group_size: int = Field(8, ge=1, description="rollouts of one prompt")
    temperature: float = Field(1.0, gt=0, description="divides the logits in sampling, and in the loss of grpo")


class RejectionSamplingConfig(RolloutConfig):
    """Sample, keep the responses that the verifier calls right, and imitate them; more rounds make expert iteration."""

    family: ClassVar[str] = "rejection_sampling"
    technique: Literal["rejection_sampling"] = "rejection_sampling"
    prompts_per_round: int = Field(128, ge=1, description="prompts sampled from in one round")
    rounds: int = Field(0, ge=0, description="rounds of sampling; 0 samples until the budget is spent, 1 samples once")
    epochs: int = Field(
        2, ge=1, description="passes over the kept rollouts of a round (with one round: until the budget)"
    )
    keep_per_prompt: int = Field(4, ge=1, description="most verified rollouts kept of one prompt")
    select: Literal["verified", "random"] = Field(
        "verified", description="random keeps as many rows chosen without the verifier: the matched control"
    )


class PolicyGradientConfig(RolloutConfig):
    """The settings of the techniques that share the loop of grpo.py."""

    family: ClassVar[str] = "grpo"
    group_size: int = Field(8, ge=2, description="rollouts of one prompt; one alone has nothing to be compared with")
    form: Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo", "rloo"] = Field(
        "dapo", description="which loss: its divisor and its clip (reference_impls.objectives.grpo and rloo)"
    )
    advantage: Literal["group", "leave_one_out", "running", "greedy", "whitened", "whitened_group", "raft", "rej"] = (
        Field("group", description="what a reward is compared with (reference_impls.objectives.advantages)")
    )
    scale: Literal["group", "batch", "none"] = Field("group", description="divisor of advantages, of those of groups")
    clip_low: float = Field(0.2, ge=0, lt=1, description="how far the ratio may fall below 1 before it is clipped")
    clip_high: float = Field(0.28, ge=0, description="how far it may rise above 1; cispo: how far its weight may rise")
    kl_coef: float = Field(0.0, ge=0, description="weight of the KL term to the starting policy; 0 keeps no reference")
    kl: Literal["k3", "k3_ratio"] = Field("k3_ratio", description="the KL estimate, plain or corrected by the ratio")
    entropy_coef: float = Field(0.0, ge=0, description="weight of the entropy bonus")
    entropy_share: float = Field(
        1.0, gt=0, le=1, description="share of tokens, of highest entropy, that are trained on"
    )
    entropy_shaping: float = Field(0.0, ge=0, description="what a token's entropy adds to its advantage, half at most")
    clip_cov: float = Field(0.0, ge=0, le=1, description="share of tokens, of high covariance, without a gradient")
    kl_cov: float = Field(0.0, ge=0, le=1, description="share of tokens, of highest covariance, with a penalty")
    updates_per_rollout: int = Field(
        1, ge=1, description="updates made of one batch of rollouts; above 1 they go stale"
    )
    skip_equal_groups: bool = Field(
        True, description="leave out groups whose rewards are all equal: their gradient is 0"
    )

    @property
    def selects_tokens(self) -> bool:
        """Whether tokens of an update are chosen by their entropy or their covariance with the advantage."""
        return self.entropy_share < 1 or self.clip_cov > 0 or self.kl_cov > 0

    @property
    def keeps_reference(self) -> bool:
        """A KL term is to the starting policy."""
        return self.kl_coef > 0

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        rollouts = self.sequences_per_update * self.updates_per_rollout
        if rollouts % self.group_size:
            raise ValueError(
                f"micro_batch x accumulation x updates_per_rollout is {rollouts} rollouts a step; "
                f"expected a multiple of group_size, {self.group_size}"
            )
        if self.group_size == 1 and self.advantage in ("group", "leave_one_out", "whitened_group", "rej"):
            raise ValueError(f"advantage is {self.advantage} and compares rollouts; expected a group_size of 2 or more")
        return self

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        selections = {"entropy_share": self.entropy_share < 1, "clip_cov": self.clip_cov > 0, "kl_cov": self.kl_cov > 0}
        chosen = [name for name, is_on in selections.items() if is_on]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} both select tokens; expected one of them")
        if self.kl_cov and self.updates_per_rollout == 1:
            raise ValueError(
                "kl_cov has no gradient in the first update after sampling; expected updates_per_rollout of 2 or more"
            )
        if self.kl_cov and (self.form != "dapo" or self.entropy_shaping or self.kl_coef or self.entropy_coef):
            raise ValueError(
                "kl_cov is a loss of its own, a mean over tokens; expected form dapo, without kl_coef, entropy_coef "
                "and entropy_shaping"
            )
        if self.form == "rloo" and (chosen or self.kl_coef or self.entropy_coef or self.entropy_shaping):
            raise ValueError(
                "form is rloo, whose ratio is of whole sequences and which has no further term; expected another form, "
                "or no kl_coef, entropy_coef, entropy_share, entropy_shaping and clip_cov"
            )
        return self


class GRPOConfig(PolicyGradientConfig):
    """Group-relative policy optimisation in its named forms."""

    technique: Literal["grpo"] = "grpo"


class ReinforceConfig(PolicyGradientConfig):
    """REINFORCE: each reward against the running mean of the steps before."""

    page: ClassVar[str] = "rewards"
    technique: Literal["reinforce"] = "reinforce"
    group_size: int = Field(1, ge=1, description="rollouts of one prompt")
    advantage: Literal["running"] = Field("running", description="the reward less the running mean of earlier steps")
    form: Literal["dr_grpo", "dapo"] = Field(
        "dr_grpo", description="what the loss divides by: a constant, or the tokens of the update"
    )

    @model_validator(mode="after")
    def _check_fresh(self) -> Self:
        if self.updates_per_rollout > 1:
            raise ValueError(
                f"updates_per_rollout is {self.updates_per_rollout}, and REINFORCE has no ratio for rollouts that went "
                "stale; expected 1"
            )
        return self


class RLOOConfig(PolicyGradientConfig):
    """REINFORCE, leave one out: each reward against the mean of the others of its group."""

    page: ClassVar[str] = "rewards"
    technique: Literal["rloo"] = "rloo"
    form: Literal["rloo", "dr_grpo", "dapo"] = Field("rloo", description="the ratio of sequences, or that of tokens")
    advantage: Literal["leave_one_out"] = Field("leave_one_out", description="the reward less the mean of the others")


class ReMaxConfig(PolicyGradientConfig):
    """ReMax: each reward against that of the greedy response to the same prompt, which is decoded too."""

    page: ClassVar[str] = "rewards"
    technique: Literal["remax"] = "remax"
    group_size: int = Field(1, ge=1, description="rollouts of one prompt, beside the greedy one")
    advantage: Literal["greedy"] = Field("greedy", description="the reward less that of the greedy response")


class ReinforcePlusPlusConfig(PolicyGradientConfig):
    """REINFORCE++: rewards whitened over all tokens of a step, with the clip of the ratio."""

    page: ClassVar[str] = "rewards"
    technique: Literal["reinforce_plus_plus"] = "reinforce_plus_plus"
    group_size: int = Field(1, ge=1, description="rollouts of one prompt")
    advantage: Literal["whitened", "whitened_group"] = Field(
        "whitened", description="whitened rewards, or rewards less the mean of their group, whitened"
    )


class RAFTPlusPlusConfig(PolicyGradientConfig):
    """RAFT++: raise what is right, with the clip of the ratio; rej also lowers what is wrong (Reinforce-Rej)."""

    page: ClassVar[str] = "rewards"
    technique: Literal["raft_plus_plus"] = "raft_plus_plus"
    advantage: Literal["raft", "rej"] = Field(
        "raft", description="1 for right and 0 for wrong; rej: 1 and -1, and 0 in groups that are equal"
    )


class ClipCovConfig(PolicyGradientConfig):
    """GRPO with Clip-Cov: no gradient for a few tokens whose probability and advantage go together most."""

    page: ClassVar[str] = "rewards"
    technique: Literal["clip_cov"] = "clip_cov"
    clip_cov: float = Field(0.02, ge=0, le=1, description="share of tokens, of high covariance, without a gradient")


class KLCovConfig(PolicyGradientConfig):
    """GRPO with KL-Cov: a penalty, in place of the clip, on the tokens of highest covariance."""

    page: ClassVar[str] = "rewards"
    technique: Literal["kl_cov"] = "kl_cov"
    kl_cov: float = Field(0.02, ge=0, le=1, description="share of tokens, of highest covariance, with a penalty")
    updates_per_rollout: int = Field(4, ge=1, description="updates made of one batch of rollouts; 2 or more")


class ProbeConfig(RolloutConfig):
    """Measure the policy as it is: nothing is trained."""

    family: ClassVar[str] = "probe"
    technique: Literal["probe"] = "probe"
    group_size: int = Field(16, ge=1, description="rollouts of one prompt; k of pass@k goes up to it")
