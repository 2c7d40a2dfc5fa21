"""What of a text can be seen, how it is composed, and what of it counts when it is looked for."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BLANK: Final = (
    r"\s"
    # Unicode's Default_Ignorable_Code_Point: joiners, marks of direction, fillers, variation selectors, tags.
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Blank by design, though Unicode says so nowhere: Braille without dots, a Khitan filler, a note without a head;
    # and what only speaks of other characters: annotations, a place for an object, how hieroglyphs are joined.
    r"\u2800\U00016fe4\U0001d159\ufff9-\ufffc\U00013430-\U00013440"
)
_VISIBLE: Final = re.compile(f"[^{_BLANK}]")

_QUOTES: Final = str.maketrans(
    dict.fromkeys("‘’‚‛‹›ʹʻʼʽˈ`´′‵׳", "'") | dict.fromkeys("“”„‟«»″‶״〝〞〟", '"')  # before NFKC: it takes some apart
)
_IGNORED: Final = re.compile("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
"""Within a word: where it may be broken, joined or turned round."""
_DOTTED: Final = "i\N{COMBINING DOT ABOVE}"
"""What case folding makes of İ."""
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def is_unseen(text: str) -> bool:
    """Whether a text is more than spaces and line breaks, and yet has no character to be seen."""
    return bool(text.strip()) and _VISIBLE.search(text) is None


def straight(text: str) -> str:
    """Somebody's name for a sentence of ours: without the marks that turn round what follows them."""
    return _TURNS.sub("", text)


def composed(text: str) -> str:
    """A text as the contract takes it, the same to its reader: NFC, and one kind of line end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def folded(text: str | None) -> str:
    """A text as it is searched: without case, forms (NFKC) and kinds of quotation marks, in every language.

    The four i of Turkish are one: nobody knows which language a message is in.
    """
    plain = unicodedata.normalize("NFKC", _IGNORED.sub("", text or "").translate(_QUOTES)).translate(_QUOTES)
    return unicodedata.normalize("NFKC", plain.casefold().replace(_DOTTED, "i").replace("ı", "i"))
