"""Withdrawals: papers that arXiv's metadata, or the notice in their newest version, says are withdrawn.

Such a paper is not counted, also where an earlier version of it is in the store. A version behind the withdrawn one
brings the paper back.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from survey.fulltext.notices import IS_NOTICE

SCHEMA = """
CREATE TABLE IF NOT EXISTS withdrawal (
    paper TEXT NOT NULL,
    version INTEGER,               -- the newest version when the metadata was written; NULL where it does not say
    reason TEXT NOT NULL,
    is_listed INTEGER NOT NULL,    -- 1 where arXiv's listing says it, 0 where a file does that was brought in
    PRIMARY KEY (paper, is_listed)
);
"""
VIEW = f"""
-- The withdrawn papers: by their metadata, or by a notice in a version that no readable copy is as new as.
CREATE TEMP VIEW IF NOT EXISTS withdrawn AS
SELECT paper, reason FROM withdrawal
WHERE version IS NULL OR version >= (SELECT coalesce(max(version), 0) FROM source WHERE paper = withdrawal.paper)
UNION ALL
SELECT notice.paper, reason FROM extraction JOIN source AS notice ON notice.id = extraction.source
WHERE reason = '{IS_NOTICE}' AND notice.version IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM source AS other LEFT JOIN extraction AS reading ON reading.source = other.id
    WHERE other.paper = notice.paper AND (
        other.version > notice.version OR other.version = notice.version AND shard IS NOT NULL
    )
);
"""


class Withdrawal(NamedTuple):
    """A paper that is withdrawn as of a version, None where that is not known."""

    paper: str
    version: int | None
    reason: str


def add_withdrawals(db: sqlite3.Connection, withdrawals: Iterable[Withdrawal], *, is_listed: bool) -> None:
    """Add withdrawals inside a transaction of the caller; a newer version takes the place of an older one."""
    db.executemany(
        "INSERT INTO withdrawal VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " version = max(excluded.version, version), reason = excluded.reason",
        [(*withdrawal, is_listed) for withdrawal in withdrawals],
    )
