"""The objectives: every technique is one gradient with token weights of its own.

    gradient = - sum over response tokens of  w_t * grad log p_t  /  divisor

    technique              weight w_t of a response token, held constant      divisor                       arXiv
    SFT                    1                                                  response tokens               -
    DFT                    p_t                                                response tokens               2508.05629
    iw-SFT                 p_t / reference p_t (token or sequence), clipped   response tokens               2507.12856
    CHORD's phi            p_t (1 - p_t)                                      response tokens               2508.11408
    UFT of UNA             2 beta (r - s) s (1 - s), s the implicit score     sequences                     2410.21438
    token cleaning         1 on the tokens kept, else 0                       tokens kept                   2502.01968
    GEM, ASFT, one-token   weights on the whole vocabulary of each token      response tokens               imitation.py
    rejection sampling     1 where verified, else 0                           response tokens verified      2304.06767
    GRPO                   advantage * ratio_t, 0 where clipped               by form, see `grpo_divisor`   2402.03300
    RLOO                   advantage * ratio (sequence), 0 where clipped      sequences                     2402.14740
    KL-Cov                 advantage * ratio_t, less coef * sign on a few     response tokens               2505.22617

The row of a technique is the function of its name, called by the module of its name: `sft` by sft.py, `dft` by dft.py,
`rejection_sampling` by rejection_sampling.py, `grpo` by grpo.py. Advantages (advantages.py) and selections of tokens by
their entropy (entropy.py) are weights that several rows share: REINFORCE, ReMax, REINFORCE++ and RAFT++ are GRPO's row
with another advantage.

p_t is the policy's probability of the token, ratio_t is p_t divided by its value when the token was sampled. Every
function takes tensors and returns a scalar to minimise, or the weights of one; nothing else of the project is needed.
Shapes: B sequences, T tokens, P prompts, G rollouts, V vocabulary.

`mask` is True on response tokens (the end-of-sequence token is one of them). Values under a False are ignored, even
NaN, so padding on either side is fine. `divisor` is the divisor of the whole accumulated batch: passed with every
micro-batch, it makes their gradients add up to that of the undivided batch. Without it, the tensors are the whole
batch.
"""

from reference_impls.objectives.advantages import (
    Scale,
    at_last_token,
    greedy_advantages,
    group_advantages,
    leave_one_out,
    next_baseline,
    raft_advantages,
    rej_advantages,
    return_to_go,
    running_advantages,
    whitened,
)
from reference_impls.objectives.entropy import (
    adapted_coef,
    clip_cov,
    covariances,
    entropy_shaped,
    highest_covariances,
    highest_entropies,
    kl_cov,
)
from reference_impls.objectives.imitation import (
    asft,
    chord_phi,
    dft,
    gem,
    iw_sft,
    one_token_rollout,
    rejection_sampling,
    sft,
    token_cleaning,
    uft_una,
)
from reference_impls.objectives.rewards import FORMS, KL, Form, grpo, grpo_divisor, rloo
from reference_impls.objectives.weights import weighted

__all__ = [
    "FORMS",
    "KL",
    "Form",
    "Scale",
    "adapted_coef",
    "asft",
    "at_last_token",
    "chord_phi",
    "clip_cov",
    "covariances",
    "dft",
    "entropy_shaped",
    "gem",
    "greedy_advantages",
    "group_advantages",
    "grpo",
    "grpo_divisor",
    "highest_covariances",
    "highest_entropies",
    "iw_sft",
    "kl_cov",
    "leave_one_out",
    "next_baseline",
    "one_token_rollout",
    "raft_advantages",
    "rej_advantages",
    "rejection_sampling",
    "return_to_go",
    "rloo",
    "running_advantages",
    "sft",
    "token_cleaning",
    "uft_una",
    "weighted",
    "whitened",
]
