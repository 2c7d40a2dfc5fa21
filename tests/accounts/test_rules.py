"""Passwords and opaque tokens."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutorwamp.accounts import rules


def test_A5_a_hash_is_argon2id_and_salted() -> None:
    first, second = rules.hash_password("correct horse"), rules.hash_password("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(first) <= 200, "the column's width"
    assert rules.password_fits(first, "correct horse")
    assert rules.password_fits(second, "correct horse")


@pytest.mark.parametrize("wrong", ["", "Correct horse", "correct horse ", "correct hors", "correct horse\0"])
def test_another_password_does_not_fit(wrong: str) -> None:
    assert not rules.password_fits(rules.hash_password("correct horse"), wrong)


def test_A4_the_same_password_of_another_keyboard_fits() -> None:
    composed, decomposed, wide = "pässwörd", "pa\u0308sswo\u0308rd", "ｐässwörd"
    hashed = rules.hash_password(composed)
    assert rules.password_fits(hashed, decomposed)
    assert rules.password_fits(hashed, wide)


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$garbage"])
def test_what_is_no_hash_fits_nothing(hashed: str) -> None:
    assert not rules.password_fits(hashed, "correct horse")


def test_A7_nobodys_hash_costs_what_a_real_one_costs_and_fits_nothing() -> None:
    parameters = re.compile(r"^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$")
    nobodys, real = parameters.match(rules.NOBODYS_HASH), parameters.match(rules.hash_password("x"))
    assert nobodys is not None
    assert real is not None
    assert nobodys[0] == real[0]
    assert not rules.password_fits(rules.NOBODYS_HASH, "")


def test_A5_a_refresh_token_is_256_bits_and_its_hash_says_nothing() -> None:
    tokens = {rules.new_refresh_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    token = tokens.pop()
    assert rules.token_hash(token) == rules.token_hash(token)
    assert re.fullmatch(r"[0-9a-f]{64}", rules.token_hash(token))
    assert token not in rules.token_hash(token)


ADA = {"email": "ada.byron@school.example", "name": "Ada Lovelace"}


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("aaaaaaaaaaaaaaaa", id="a run"),
        pytest.param("aabbccdd", id="runs"),
        pytest.param("xk7xk7xk7xk7", id="a repetition"),
        pytest.param("12345678", id="digits"),
        pytest.param("zyxwvuts", id="backwards"),
        pytest.param("1122334455667788", id="a sequence of pairs"),
        pytest.param("qwertzuiop", id="a keyboard's row"),
        pytest.param("1qaz2wsx", id="a keyboard's columns"),
        pytest.param("qweasdzxc", id="three rows"),
        pytest.param("24121998", id="a birthday"),
        pytest.param("Password1", id="a word and a digit"),
        pytest.param("P@$$w0rd2024", id="a word in disguise, and a year"),
        pytest.param("P\u00e4ssw\u00f6rd!!", id="with accents"),
        pytest.param("ＰＡＳＳＷＯＲＤ１２", id="wide"),
        pytest.param("iloveyou2", id="well known"),
        pytest.param("пароль123", id="in another alphabet"),
        pytest.param("adalovelace1", id="the name"),
        pytest.param("1815 Lovelace", id="a part of the name"),
        pytest.param("byron2026!", id="of the address"),
        pytest.param("adabyron99", id="the local part"),
        pytest.param("TutorWAMP2026", id="the service"),
        pytest.param("        ", id="spaces"),
    ],
)
def test_A28_what_is_tried_first_is_no_password(password: str) -> None:
    assert "too easy to guess" in str(rules.weakness(password, **ADA))


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "demo-lesson",
        "xk7mq2pw",
        "onlyletters",
        "93715082",
        "Пиши по-русски",
        "lovelace k7#q",
        "😀🐎🔋🧷🌍🎈🚲🎻",
        "many quiet gardens " * 3 + "and a gate",
    ],
)
def test_A28_no_kind_of_character_is_asked_for(password: str) -> None:
    assert rules.weakness(password, **ADA) is None


def test_A28_the_name_of_somebody_else_is_as_good_as_any_word() -> None:
    assert rules.weakness("byron2026!", email="ben@school.example", name="Ben") is None
    assert rules.weakness("li7xvqpm", email="li@school.example", name="Li") is None, "short names are in many words"


def test_A4_eight_characters_are_counted_as_they_are_kept() -> None:
    assert rules.weakness("pa\u0308ss xk", **ADA) == "has fewer than 8 characters"
    assert rules.weakness("pa\u0308ss xkq", **ADA) is None


def test_A28_no_password_takes_long_to_judge() -> None:
    ligatures = f"{0x9E3779B97F4A7C15F39CC0605CEDC835:0128b}".replace("0", "\ufdfa").replace("1", "\ufdfb")
    assert len(unicodedata.normalize("NFKC", ligatures)) > 1_500, "two that stand for whole sentences"
    took_s = list[float]()
    for _ in range(5):
        began_s = time.thread_time()
        rules.weakness(ligatures, email="ada@school.example", name="\ufdfa" * 100)
        took_s.append(time.thread_time() - began_s)
    assert min(took_s) < 0.01, "it is done in the reactor, for everybody who asks"


@given(st.text(min_size=8, max_size=128), st.text(min_size=1, max_size=100))
def test_A28_every_password_has_an_answer_and_the_same_on_every_keyboard(password: str, name: str) -> None:
    answers = {
        rules.weakness(unicodedata.normalize(form, password), email="ada@school.example", name=name)
        for form in ("NFC", "NFD", "NFKC", "NFKD")
    }
    assert len(answers) == 1
