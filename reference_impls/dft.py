"""DFT: SFT with each token weighted by the policy's own probability of it, held constant (arXiv:2508.05629).

    python -m reference_impls.dft RUN_DIR --set data=task:addition --set noise=0.3

SFT's gradient is that of a reward of 1 / p for the demonstration's token: rare tokens pull hardest, and wrong ones
are rare. Multiplying by p takes that away, so that what the policy finds absurd teaches it little. It is SFT's loop,
line for line, with one other objective; see `objectives.dft`.
"""

from reference_impls import objectives, sft
from reference_impls.run.cli import main
from reference_impls.run.loop import Run


def train(run: Run) -> None:
    """Imitate the demonstrations as far as the policy believes them, until the budget is spent."""
    sft.train(run, objectives.dft)


if __name__ == "__main__":
    main("dft", train)
