"""Passwords and opaque tokens."""

from __future__ import annotations

import re

import pytest

from tutorwamp.accounts import rules


def test_a5_a_hash_is_argon2id_and_salted() -> None:
    first, second = rules.hash_password("correct horse"), rules.hash_password("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(first) <= 200, "the column's width"
    assert rules.password_fits(first, "correct horse")
    assert rules.password_fits(second, "correct horse")


@pytest.mark.parametrize("wrong", ["", "Correct horse", "correct horse ", "correct hors", "correct horse\0"])
def test_another_password_does_not_fit(wrong: str) -> None:
    assert not rules.password_fits(rules.hash_password("correct horse"), wrong)


def test_a4_the_same_password_of_another_keyboard_fits() -> None:
    composed, decomposed, wide = "pässwörd", "pa\u0308sswo\u0308rd", "ｐässwörd"
    hashed = rules.hash_password(composed)
    assert rules.password_fits(hashed, decomposed)
    assert rules.password_fits(hashed, wide)


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$garbage"])
def test_what_is_no_hash_fits_nothing(hashed: str) -> None:
    assert not rules.password_fits(hashed, "correct horse")


def test_a7_nobodys_hash_costs_what_a_real_one_costs_and_fits_nothing() -> None:
    parameters = re.compile(r"^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$")
    nobodys, real = parameters.match(rules.NOBODYS_HASH), parameters.match(rules.hash_password("x"))
    assert nobodys is not None
    assert real is not None
    assert nobodys[0] == real[0]
    assert not rules.password_fits(rules.NOBODYS_HASH, "")


def test_a5_a_refresh_token_is_256_bits_and_its_hash_says_nothing() -> None:
    tokens = {rules.new_refresh_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    token = tokens.pop()
    assert rules.token_hash(token) == rules.token_hash(token)
    assert re.fullmatch(r"[0-9a-f]{64}", rules.token_hash(token))
    assert token not in rules.token_hash(token)
