"""Withdrawn papers from arXiv's listing to the store, which decides on the texts that count."""

from survey.arxiv.ledger import Ledger
from survey.store.papers import Store


def take_over_withdrawals(store: Store) -> None:
    """Bring into the store which papers arXiv's listing says are withdrawn, where a harvest was ever begun."""
    if Ledger.exists(store.root):
        with Ledger(store.root) as ledger:
            store.replace_listed_withdrawals(ledger.withdrawn().values())
