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


class GRPOConfig(RolloutConfig):
    """Group-relative policy optimisation in its named forms."""

    family: ClassVar[str] = "grpo"
    technique: Literal["grpo"] = "grpo"
    group_size: int = Field(8, ge=2, description="rollouts of one prompt; one alone has nothing to be compared with")
    form: Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo"] = Field(
        "dapo", description="which loss: its divisor and its clip (reference_impls.objectives.grpo)"
    )
    scale: Literal["group", "batch", "none"] = Field("group", description="divisor of advantages")
    clip_low: float = Field(0.2, ge=0, lt=1, description="how far the ratio may fall below 1 before it is clipped")
    clip_high: float = Field(0.28, ge=0, description="how far it may rise above 1; cispo: how far its weight may rise")
    kl_coef: float = Field(0.0, ge=0, description="weight of the KL term to the starting policy; 0 keeps no reference")
    kl: Literal["k3", "k3_ratio"] = Field("k3_ratio", description="the KL estimate, plain or corrected by the ratio")
    entropy_coef: float = Field(0.0, ge=0, description="weight of the entropy bonus")
    updates_per_rollout: int = Field(
        1, ge=1, description="updates made of one batch of rollouts; above 1 they go stale"
    )
    skip_equal_groups: bool = Field(
        True, description="leave out groups whose rewards are all equal: their gradient is 0"
    )

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
        return self


class ProbeConfig(RolloutConfig):
    """Measure the policy as it is: nothing is trained."""

    family: ClassVar[str] = "probe"
    technique: Literal["probe"] = "probe"
    group_size: int = Field(16, ge=1, description="rollouts of one prompt; k of pass@k goes up to it")
