"""The settings of the techniques that imitate given responses; they share the loop of sft.py."""

from typing import ClassVar, Literal

from pydantic import Field

from reference_impls.configs.run import RunConfig


class SFTConfig(RunConfig):
    """Supervised fine-tuning on demonstrations."""

    family: ClassVar[str] = "sft"
    technique: Literal["sft"] = "sft"


class DFTConfig(RunConfig):
    """Dynamic fine-tuning: SFT with each token weighted by the policy's own probability of it."""

    family: ClassVar[str] = "sft"
    technique: Literal["dft"] = "dft"


class ReferenceConfig(RunConfig):
    """Imitation beside the starting policy, which is kept."""

    family: ClassVar[str] = "sft"
    page: ClassVar[str] = "imitation"

    @property
    def keeps_reference(self) -> bool:
        """The loss compares with the starting policy."""
        return True


class IwSFTConfig(ReferenceConfig):
    """Importance-weighted SFT: responses, or tokens, that became likelier than at the start count for more."""

    technique: Literal["iw_sft"] = "iw_sft"
    level: Literal["sequence", "token"] = Field("sequence", description="whether a weight is of a response or a token")
    power: float = Field(1.0, gt=0, description="exponent of the ratio to the starting policy; 0 would be sft")


class UFTUNAConfig(ReferenceConfig):
    """UFT of UNA: push each demonstration's implicit reward towards 1."""

    technique: Literal["uft_una"] = "uft_una"
    una_beta: float = Field(0.03, gt=0, description="scale of the implicit reward")


class ASFTConfig(ReferenceConfig):
    """Anchored SFT: DFT with a KL term to the starting policy."""

    technique: Literal["asft"] = "asft"
    anchor_coef: float = Field(0.1, ge=0, description="weight of the KL term; 0 is dft")
    anchor: Literal["reference", "policy"] = Field(
        "reference", description="whose mean the KL divergence is: KL(reference, policy), or KL(policy, reference)"
    )


class GEMConfig(RunConfig):
    """Entropic distribution matching: imitation that keeps more diversity."""

    family: ClassVar[str] = "sft"
    page: ClassVar[str] = "imitation"
    technique: Literal["gem"] = "gem"
    gem_beta: float = Field(0.7, gt=0, description="temperature at which other tokens are believed; 1 is sft if linear")
    gem_kind: Literal["linear", "logsigmoid"] = Field("logsigmoid", description="how other tokens are pushed down")


class OneTokenRolloutConfig(RunConfig):
    """One-token rollout: a policy gradient at each token of a demonstration, rewarded for sampling the shown one."""

    family: ClassVar[str] = "sft"
    page: ClassVar[str] = "imitation"
    technique: Literal["one_token_rollout"] = "one_token_rollout"
    candidates: int = Field(256, ge=1, description="tokens sampled in place of each shown one")
    candidate_temperature: float = Field(1.3, gt=0, description="temperature that they are sampled at")
    miss: float = Field(-0.01, description="reward of a token that is not the shown one, which has 1")
