"""The storage that the board's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3 import S3Server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Real S3-compatible storage with a bucket ``pictures``; one for each worker process."""
    with S3Server() as server:
        server.make_bucket("pictures")
        yield server
