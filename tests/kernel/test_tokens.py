"""Access tokens: whoever can forge one is anybody."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from tutorwamp.kernel.contracts import AuthRole, new_id, to_ms
from tutorwamp.kernel.errors import Unauthenticated
from tutorwamp.kernel.tokens import AUDIENCE, ISSUER, AccessToken, sign, verify

KEY = b"a key that is known to the tests only"
NOON = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
ANNA, FAMILY = new_id(), new_id()
MS = timedelta(milliseconds=1)


def signed() -> str:
    return sign(KEY, user_id=ANNA, role=AuthRole.TUTOR, family_id=FAMILY, now=NOON, lifetime=LIFETIME)


def claims(**other: Any) -> dict[str, Any]:
    """Good claims but for what a test says; None takes one away."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": ANNA,
        "role": "tutor",
        "fam": FAMILY,
        "iat": NOON.timestamp(),
        "exp": (NOON + LIFETIME).timestamp(),
    }
    return {name: value for name, value in {**good, **other}.items() if value is not None}


def refused(text: str, *, now: datetime = NOON) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verify(KEY, text, now=now)
    return caught.value.message


def test_a_token_comes_back_as_it_was_signed() -> None:
    assert verify(KEY, signed(), now=NOON) == AccessToken(ANNA, AuthRole.TUTOR, FAMILY, NOON, NOON + LIFETIME)


def test_times_survive_to_the_millisecond() -> None:
    for ms in range(1000):
        now = NOON.replace(microsecond=ms * 1000)
        text = sign(KEY, user_id=ANNA, role=AuthRole.ADMIN, family_id=FAMILY, now=now, lifetime=LIFETIME)
        assert to_ms(verify(KEY, text, now=now).issued_at) == to_ms(now)


def test_a_token_expires_at_its_very_instant() -> None:
    verify(KEY, signed(), now=NOON + LIFETIME - MS)
    assert refused(signed(), now=NOON + LIFETIME) == "This access token has expired."


def test_the_clock_given_decides_and_not_the_machines() -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    text = sign(KEY, user_id=ANNA, role=AuthRole.TUTOR, family_id=FAMILY, now=long_ago, lifetime=LIFETIME)
    assert verify(KEY, text, now=long_ago).user_id == ANNA


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="nonsense"),
        pytest.param("\ud800", id="surrogate"),
        pytest.param("ü.ö.ä", id="umlauts"),
        pytest.param("\0" * 100, id="zeros"),
        pytest.param("." * 100_000, id="dots"),
        pytest.param(jwt.encode(claims(), b"another key, of which nobody knows anything"), id="wrong key"),
        pytest.param(f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims())}.", id="alg none"),
        pytest.param(jwt.encode(claims(), KEY * 2, algorithm="HS512"), id="another algorithm"),
        pytest.param(signed()[:-4], id="cut signature"),
        pytest.param(signed().rpartition(".")[0] + ".", id="no signature"),
        *(pytest.param(jwt.encode(claims(**{name: None}), KEY), id=f"no {name}") for name in claims()),
        pytest.param(jwt.encode(claims(aud="somebody"), KEY), id="another audience"),
        pytest.param(jwt.encode(claims(iss="somebody"), KEY), id="another issuer"),
        pytest.param(jwt.encode(claims(role="component"), KEY), id="a role that is no person's"),
        pytest.param(jwt.encode(claims(role=["tutor"]), KEY), id="a list of roles"),
        pytest.param(jwt.encode(claims(iat="yesterday"), KEY), id="iat is text"),
        pytest.param(jwt.encode(claims(exp=[]), KEY), id="exp is a list"),
        pytest.param(jwt.encode(claims(exp=float("nan")), KEY), id="exp is no number"),
        pytest.param(jwt.encode(claims(exp=float("inf")), KEY), id="exp is never"),
        pytest.param(jwt.encode(claims(exp=10**30), KEY), id="exp is out of the calendar"),
    ],
)
def test_all_that_is_not_ours_is_refused_with_the_same_words(text: str) -> None:
    assert refused(text) == "This access token is not valid."


def test_the_payload_cannot_be_exchanged() -> None:
    header, _, signature = signed().split(".")
    assert refused(f"{header}.{encoded(claims(role='admin'))}.{signature}") == "This access token is not valid."


def test_the_claims_of_these_tests_would_be_accepted() -> None:
    assert verify(KEY, jwt.encode(claims(), KEY), now=NOON).role is AuthRole.TUTOR
