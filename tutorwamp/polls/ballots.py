"""Answers, and the box that holds those of an anonymous poll: sealed while it is open, without people afterwards.

While a poll is open it has to be known whose an answer is: the last one counts. So the box is a table of people and
answers, and the database has it sealed only: by AES-256-GCM (NIST SP 800-38D) under a key that is made from the node's
secret key and the poll's salt (RFC 5869). It is one value, written anew with each answer and padded: neither rows, nor
their order, nor their length tell which answer came when. Closing throws the salt away, and leaves the answers in the
order of what they say.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tutorwamp.kernel.log.lines import get_logger

log = get_logger(__name__)

SALT_BYTES: Final = 32
NONCE_BYTES: Final = 12
PADDED_TO_BYTES: Final = 4 * 1024
"""A box grows by such steps: the choices of thirty people fit into one, so that all boxes of choices are alike."""
_PURPOSE: Final = b"tutorwamp.polls.ballots"


@dataclass(frozen=True)
class Ballot:
    """What somebody has answered: the places of the choices, in their order, or a text."""

    choices: tuple[int, ...]
    text: str | None


def new_salt() -> bytes:
    """Of a poll that begins."""
    return secrets.token_bytes(SALT_BYTES)


class BallotSeal:
    """Seals boxes, and opens what it has sealed. ``secret``: the node's key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, poll_id: str, salt: bytes, ballots: Mapping[str, Ballot]) -> bytes:
        """A box with these answers, by people's ids."""
        kept = {person: [ballot.choices, ballot.text] for person, ballot in sorted(ballots.items())}
        text = json.dumps(kept, ensure_ascii=False).encode()
        padded = text.ljust(-(-len(text) // PADDED_TO_BYTES) * PADDED_TO_BYTES)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher(salt).encrypt(nonce, padded, poll_id.encode())

    def open(self, poll_id: str, salt: bytes, box: bytes) -> dict[str, Ballot]:
        """The answers in a box. None where it was sealed under another secret key: those answers are lost."""
        try:
            text = self._cipher(salt).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], poll_id.encode())
        except InvalidTag:
            log.warning("the answers of an anonymous poll are lost: the secret key is another one", poll=poll_id)
            return {}
        return {person: Ballot(tuple(choices), words) for person, (choices, words) in json.loads(text).items()}

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), 32, salt, _PURPOSE).derive(self._secret))


def without_people(ballots: Iterable[Ballot]) -> bytes:
    """What stays in the box of a poll that is closed: the answers, ordered by what they say."""
    return json.dumps([[ballot.choices, ballot.text] for ballot in in_no_order_of_time(ballots)]).encode()


def read_without_people(box: bytes) -> list[Ballot]:
    """The same, read."""
    return [Ballot(tuple(choices), words) for choices, words in json.loads(box)]


def in_no_order_of_time(ballots: Iterable[Ballot]) -> list[Ballot]:
    """By what they say."""
    return sorted(ballots, key=lambda ballot: (ballot.choices, ballot.text or ""))


def votes(ballots: Collection[Ballot], choices: int) -> list[int]:
    """How many have chosen each."""
    return [sum(place in ballot.choices for ballot in ballots) for place in range(choices)]
