"""Loaded by schemathesis: logs in as the tutor of the run and gives the token to every request that needs one.

Plain Python: schemathesis cannot live in one environment with the node (its anyio wants a newer idna).
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any, Final

import schemathesis

URL: Final = os.environ["TUTORWAMP_FUZZ_URL"]
EMAIL: Final = os.environ["TUTORWAMP_FUZZ_EMAIL"]
PASSWORD: Final = os.environ["TUTORWAMP_FUZZ_PASSWORD"]
TOKEN_KEPT_S: Final = 300
"""A third of an access token's life."""


@schemathesis.auth(refresh_interval=TOKEN_KEPT_S)
class Token:
    """The access token."""

    def get(self, _case: Any, _context: Any) -> str:
        credentials = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{URL}/api/auth/login", credentials, headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def set(self, case: Any, data: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"
