"""What transactions cost, by their names; how long they wait, by their lanes; how large group commits are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Histogram

from tutorwamp.kernel.metrics.children import Children

_ran = Histogram(
    "tutorwamp_database_transaction_seconds",
    "How long transactions ran, by name.",
    ["transaction"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10),
)
_waited = Histogram(
    "tutorwamp_database_wait_seconds",
    "How long transactions waited for their turn, a thread and a connection, by lane.",
    ["lane"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10),
)
READS: Final = "reads"
"""The lane of reads that have none of their own."""
RAN, WAITED = Children(_ran), Children(_waited)
BATCH_SIZES: Final = Histogram(
    "tutorwamp_database_batch_size",
    "How many share a transaction, by its name.",
    ["transaction"],
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
BATCH_WAITS: Final = Histogram(
    "tutorwamp_database_batch_wait_seconds",
    "How long the first of a batch waited for it to begin, by name.",
    ["transaction"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5),
)


@dataclass
class TransactionCounts:
    """What transactions of one name have cost, for the metrics and for tests that count queries."""

    transactions: int = 0
    retries: int = 0
    queries: int = 0


@dataclass
class Cost:
    """What one transaction has cost, whoever it was for."""

    queries: int = 0
    waited_s: float = 0.0
    """For its turn, a thread and a connection."""
    ran_s: float = 0.0
    """All tries together."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """What is in here is a try."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self.ran_s += time.monotonic() - began_s


@dataclass
class Counts:
    """Counts per transaction name."""

    by_name: dict[str, TransactionCounts] = field(default_factory=dict)

    def of(self, name: str) -> TransactionCounts:
        """The counts of one name, made on first use."""
        return self.by_name.setdefault(name, TransactionCounts())

    def queries(self) -> int:
        """All queries so far."""
        return sum(counts.queries for counts in self.by_name.values())
