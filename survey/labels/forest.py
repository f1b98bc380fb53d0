"""Forests: grown trees as plain numbers, which vote without a learner and can be kept in a file that holds no code.

A tree is a row of nodes. A paper goes from node to node, left where its number in the column of the node is at most the
threshold, and the leaf that it reaches has the votes. The trees are extremely randomised (P. Geurts et al., Machine
Learning 63, 2006), grown by scikit-learn, which only growing needs: loading it takes two seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Stored = Mapping[str, NDArray[np.generic]]

TREES = 200
_LEAST_COLUMNS = 3  # that a tree chooses from at a fork


@dataclass(frozen=True)
class Forest:
    """T trees with N nodes in all, C classes, and the votes on the E examples that the trees were grown from."""

    classes: NDArray[np.str_]  # (C,)
    roots: Ints  # (T,)
    left: Ints  # (N,); a leaf is its own child
    right: Ints  # (N,)
    column: Ints  # (N,)
    threshold: Floats  # (N,)
    votes: Floats  # (N, C), 0 but at leaves
    unseen: Floats  # (E, C): by the trees that have not seen the example

    def votes_on(self, numbers: Array) -> Array:
        """Return the mean votes of all trees on the papers with these numbers, (papers, C)."""
        values = numbers.astype(np.float32)
        total = np.zeros((len(values), len(self.classes)))
        papers = np.arange(len(values))
        for root in self.roots:
            node = np.full(len(values), root)
            while True:
                goes_left = values[papers, self.column[node]] <= self.threshold[node]
                following = np.where(goes_left, self.left[node], self.right[node])
                if np.array_equal(following, node):
                    break
                node = following
            total += self.votes[node]
        return total / len(self.roots)

    def stored(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name, for a file."""
        return {f"{prefix}.{part.name}": getattr(self, part.name) for part in fields(self)}

    @classmethod
    def restored(cls, stored: Stored, prefix: str, columns: int) -> "Forest":
        """Return the forest of stored arrays, over numbers of so many columns.

        Raises ValueError where they are no forest: a child before its parent would send a paper round for ever.
        """
        arrays: dict[str, Any] = {part.name: stored[f"{prefix}.{part.name}"] for part in fields(cls)}
        forest = cls(**arrays)
        forest._check(columns)
        return forest

    def _check(self, columns: int) -> None:
        nodes, classes = len(self.left), len(self.classes)
        at = np.arange(nodes)
        is_leaf = (self.left == at) & (self.right == at)
        goes_on = (self.left > at) & (self.right > at) & (self.left < nodes) & (self.right < nodes)
        whole = (self.roots, self.left, self.right, self.column)
        sound = (
            all(part.dtype == np.int32 for part in whole)
            and all(part.dtype == np.float32 for part in (self.threshold, self.votes, self.unseen))
            and self.right.shape == self.column.shape == self.threshold.shape == (nodes,)
            and self.votes.shape == (nodes, classes)
            and self.unseen.shape[1:] == (classes,)
            and len(self.roots) > 0
            and bool(((self.roots >= 0) & (self.roots < nodes)).all())
            and bool((is_leaf | goes_on).all())
            and bool(((self.column >= 0) & (self.column < columns)).all())
            and np.allclose(self.votes[is_leaf].sum(axis=1), 1, atol=1e-4)
        )
        if not sound:
            raise ValueError("the stored trees are no forest")


@dataclass(frozen=True)
class Question:
    """One yes or no, with a probability: the votes of trees over some columns, through a sigmoid.

    The sigmoid is fitted to the votes on examples by the trees that have not seen them.
    """

    columns: Ints  # of all numbers, those that are asked
    rows: Ints  # the examples that it was learned from
    forest: Forest
    slope: float
    intercept: float

    def ask(self, numbers: Array, rows: Sequence[int | None]) -> Array:
        """Return the probability of yes for each paper; `rows` are the examples that they are, if any."""
        votes = unseen_votes(self.forest, self.rows, numbers[:, self.columns], rows)[:, 1]
        probabilities: Array = 1 / (1 + np.exp(-(self.slope * _logits(votes)[:, 0] + self.intercept)))
        return probabilities

    def stored(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name, for a file."""
        sigmoid = np.array([self.slope, self.intercept])
        own = {f"{prefix}.columns": self.columns, f"{prefix}.rows": self.rows, f"{prefix}.sigmoid": sigmoid}
        return {**own, **self.forest.stored(prefix)}

    @classmethod
    def restored(cls, stored: Stored, prefix: str) -> "Question":
        """Return the question of stored arrays. Raises ValueError where they are none."""
        columns, rows = (stored[f"{prefix}.{name}"].astype(np.int32) for name in ("columns", "rows"))
        slope, intercept = stored[f"{prefix}.sigmoid"].astype(float).tolist()
        return cls(columns, rows, Forest.restored(stored, prefix, len(columns)), slope, intercept)


def unseen_votes(forest: Forest, examples: Ints, numbers: Array, rows: Sequence[int | None]) -> Array:
    """Return votes, those on examples replaced by the votes of the trees that have not seen them."""
    votes = forest.votes_on(numbers)
    position = {int(row): at for at, row in enumerate(examples)}
    for paper, row in enumerate(rows):
        if row is not None and row in position:
            votes[paper] = forest.unseen[position[row]]
    return votes


def learned_question(numbers: Array, answers: Bools, asked: Bools, columns: Bools) -> Question:
    """Return the question learned from the rows that are `asked`, by some of the columns."""
    from sklearn.linear_model import LogisticRegression

    chosen = answers[asked]
    forest = grown(numbers[asked][:, columns], chosen)
    sigmoid = LogisticRegression().fit(_logits(forest.unseen[:, 1].astype(float)), chosen)
    return Question(
        np.flatnonzero(columns).astype(np.int32), np.flatnonzero(asked).astype(np.int32), forest,
        float(sigmoid.coef_[0, 0]), float(sigmoid.intercept_[0]),
    )  # fmt: skip


def grown(numbers: Array, answers: NDArray[np.generic]) -> Forest:
    """Grow a forest from examples, always the same one."""
    from sklearn.ensemble import ExtraTreesClassifier

    columns = numbers.shape[1]
    fitted = ExtraTreesClassifier(
        TREES, min_samples_leaf=2, max_features=max(_LEAST_COLUMNS, columns // 10), class_weight="balanced_subsample",
        bootstrap=True, oob_score=True, random_state=0,
    ).fit(numbers, answers)  # fmt: skip
    trees = [tree.tree_ for tree in fitted.estimators_]
    first = np.cumsum([0, *(tree.node_count for tree in trees)])
    left, right, column, threshold, votes = [], [], [], [], []
    for tree, start in zip(trees, first, strict=False):
        at, is_leaf = np.arange(tree.node_count), tree.children_left < 0
        left.append(np.where(is_leaf, at, tree.children_left) + start)
        right.append(np.where(is_leaf, at, tree.children_right) + start)
        column.append(np.where(is_leaf, 0, tree.feature))
        threshold.append(np.where(is_leaf, 0, tree.threshold))
        values = tree.value[:, 0, :]
        votes.append(np.where(is_leaf[:, None], values / values.sum(axis=1, keepdims=True), 0))
    return Forest(
        fitted.classes_.astype(str), first[:-1].astype(np.int32), np.concatenate(left).astype(np.int32),
        np.concatenate(right).astype(np.int32), np.concatenate(column).astype(np.int32),
        np.concatenate(threshold).astype(np.float32), np.concatenate(votes).astype(np.float32),
        fitted.oob_decision_function_.astype(np.float32),
    )  # fmt: skip


def _logits(votes: Array) -> Array:
    clipped = np.clip(np.nan_to_num(votes, nan=0.5), 0.01, 0.99)
    return np.log(clipped / (1 - clipped))[:, None]
