"""DFT: SFT with each token weighted by the policy's own probability of it, held constant (arXiv:2508.05629).

    python -m reference_impls dft RUN_DIR --set data=task:addition --set noise=0.3

SFT's gradient is a policy gradient with reward 1 / p for the demonstration's token: rare tokens pull hardest, and
wrong tokens are rare. The factor p cancels that, so that improbable tokens teach the policy little. It is SFT's loop,
line for line, with another objective; see `objectives.dft`.
"""

import sys

from reference_impls import objectives, sft
from reference_impls.configs import DFTConfig
from reference_impls.run.cli import main
from reference_impls.run.loop import Run


def train(run: Run[DFTConfig]) -> None:
    """Imitate each demonstrated token as much as the policy already believes it, until the budget is spent."""
    sft.train(run, objectives.dft)


if __name__ == "__main__":
    sys.exit(main(["dft", *sys.argv[1:]]))
