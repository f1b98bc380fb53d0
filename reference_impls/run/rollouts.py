"""Rollouts of a run: sampled from the policy, judged by the verifier, counted as work. P prompts, G rollouts each."""

from collections.abc import Sequence
from dataclasses import dataclass

from reference_impls.configs import RunConfig
from reference_impls.model.policy import Policy, flops_per_token
from reference_impls.model.sampling import Rollout, sample, seed_of
from reference_impls.run.evaluate import Score, score
from reference_impls.run.folder import RunLog
from reference_impls.run.guards import check_sampled
from reference_impls.run.processes import World
from reference_impls.run.progress import Progress
from reference_impls.tasks import Row, Task
from reference_impls.verifiers import Outcome, Verdict, Verifier

SAMPLES_SHOWN = 3  # answers of each score that go to samples.jsonl


@dataclass
class Rollouts:
    """Samples responses from the policy, has them verified, and counts what that takes."""

    config: RunConfig
    log: RunLog
    policy: Policy
    verifier: Verifier  # of what is trained on
    scorer: Verifier  # of scores, the same one unless `eval_verifier` names another
    world: World
    progress: Progress
    unscorable_because: str = ""  # why the last unscorable answer could not be scored

    def sample(self, rows: Sequence[Row], group_size: int, temperature: float) -> tuple[list[Rollout], list[Verdict]]:
        """Return G = group_size rollouts of each row and a verdict on each, P * G of both, in the order of the rows."""
        numbers = self.world.share(range(len(rows)))  # this process's rows
        # a seed of its own for each rollout: it is the same however many processes share the rows, and after a resume
        seeds = [
            seed_of(self.config.seed, "rollout", self.progress.step, number, member)
            for number in numbers
            for member in range(group_size)
        ]
        own = sample(
            self.policy, [self.encode(rows[number]) for number in numbers], seeds=seeds, group_size=group_size,
            max_response_tokens=self.config.max_response_tokens, temperature=temperature, compiled=self.config.compile,
        ) if numbers else []  # fmt: skip
        check_sampled(self.progress.step, [rollout.entropy for rollout in own])
        verdicts = self.verify([rows[number] for number in numbers for _ in range(group_size)], own)
        pairs = list(zip(own, verdicts, strict=True))
        groups = self.world.gather([pairs[start : start + group_size] for start in range(0, len(pairs), group_size)])
        judged = [pair for group in groups for pair in group]
        self._count([rollout for rollout, _ in judged], group_size)
        for index, (rollout, verdict) in enumerate(judged):
            if verdict.outcome is Outcome.UNSCORABLE:  # one a step is enough to see why
                self._show("unscorable", rows[index // group_size], rollout, verdict)
                break
        return [rollout for rollout, _ in judged], [verdict for _, verdict in judged]

    def evaluate(self, task: Task, moment: str) -> Score:
        """Return how many prompts of a task the policy answers right, greedily; a few answers go to samples.jsonl."""
        numbers = self.world.share(range(len(task.rows)))
        rows = [task.rows[number] for number in numbers]
        own = sample(
            self.policy, [self.encode(row) for row in rows], seeds=[0] * len(rows),
            max_response_tokens=self.config.max_response_tokens, temperature=0.0,
        ) if rows else []  # fmt: skip
        if moment == "before":
            check_sampled(0, [rollout.entropy for rollout in own])
        judged = self.world.gather(list(zip(own, self.verify(rows, own, self.scorer), strict=True)))
        reasons = (verdict.reason for _, verdict in judged if verdict.outcome is Outcome.UNSCORABLE)
        self.unscorable_because = next(reasons, self.unscorable_because)
        self.progress.work.evaluated += sum(len(answer) for answer, _ in judged)
        for row, (answer, verdict) in list(zip(task.rows, judged, strict=True))[:SAMPLES_SHOWN]:
            self._show(moment, row, answer, verdict)
        return score([verdict for _, verdict in judged], [answer.finished for answer, _ in judged])

    def verify(
        self, rows: Sequence[Row], rollouts: Sequence[Rollout], verifier: Verifier | None = None
    ) -> list[Verdict]:
        """Return the verifier's verdict on each rollout; rows[i] is the row of rollouts[i]."""
        return self.verify_texts(rows, [self.text_of(rollout) for rollout in rollouts], verifier)

    def verify_texts(
        self, rows: Sequence[Row], texts: Sequence[str], verifier: Verifier | None = None
    ) -> list[Verdict]:
        """Return the verdict on each text, as if the policy had responded it: of training's verifier, or another."""
        return (verifier or self.verifier).verify(
            [(row.prompt, text, row.as_mapping()) for row, text in zip(rows, texts, strict=True)]
        )

    def encode(self, row: Row) -> tuple[int, ...]:
        """Return the token ids of a row's prompt."""
        return self.policy.template.prompt_ids(row)

    def text_of(self, rollout: Rollout) -> str:
        """Return a response as text, without the token that ends it."""
        ids = [token for token in rollout.response if token not in self.policy.stop_ids]
        return str(self.policy.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _show(self, moment: str, row: Row, answer: Rollout, verdict: Verdict) -> None:
        if self.world.is_first:
            texts = {"prompt": row.prompt, "response": self.text_of(answer), "answer": row.answer}
            self.log.write_sample(
                self.progress.step, {"moment": moment, **texts, "outcome": verdict.outcome, "reason": verdict.reason}
            )

    def _count(self, rollouts: Sequence[Rollout], group_size: int) -> None:
        if not rollouts:
            return
        work = self.progress.work
        generated = sum(len(rollout.response) for rollout in rollouts)
        read = sum(len(rollout.prompt) for rollout in rollouts[::group_size])  # a prompt is read once for its group
        work.generated += generated
        work.scored += read
        work.verified += len(rollouts)
        length = sum(map(len, rollouts)) / len(rollouts)
        work.flops += (generated + read) * flops_per_token(self.policy, length)


def rewards_of(verdicts: Sequence[Verdict]) -> tuple[list[float], list[bool]]:
    """Return the reward of each response and whether it could be scored; an unscorable one is 0 and counts nowhere."""
    return [verdict.strict or 0.0 for verdict in verdicts], [
        verdict.outcome is not Outcome.UNSCORABLE for verdict in verdicts
    ]
