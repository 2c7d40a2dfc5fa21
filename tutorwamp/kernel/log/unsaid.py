"""What Crossbar and autobahn put into words for lines that nobody reads: from here on only where a line is written.

They call ``hltype``, ``hlid``, ``pformat`` and the like for each argument of ``log.debug``, several times a message,
before it is asked whether such lines are written at all: a fifth of what a message cost the router
(docs/performance/upstream.md). These names are looked up in their modules at each call; here others take their places,
in the versions whose every use of them was read (``tests/gate/test_private_names.py``), and in no other.
"""

from __future__ import annotations

import functools
import sys
from importlib.metadata import version
from typing import Any, Final

READ_IN: Final = {"crossbar": "26.10.1", "autobahn": "26.11.1"}
"""The versions in which the words of these modules are nothing but arguments of lines."""
WORDS: Final = {
    "autobahn.twisted.websocket": ("hltype", "hlval"),
    "autobahn.wamp.websocket": ("hlval",),
    "autobahn.websocket.protocol": ("hltype", "hlval"),
    "crossbar.router.broker": ("hlflag", "hlid", "hltype"),
    "crossbar.router.dealer": ("hlflag", "hlid", "hltype"),
    "crossbar.router.protocol": ("hlid", "hltype", "hlval"),
    "crossbar.router.role": ("hltype", "hlval", "pformat"),
    "crossbar.router.router": ("hlid", "hltype", "hlval", "pformat"),
    "crossbar.router.session": ("hl", "hlid", "hltype", "hlval", "pformat"),
}
"""By module. ``pformat`` of others is what somebody is answered with."""


class Unsaid(functools.partial[Any]):
    """Words that are found when somebody reads them: a call that was not made yet."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self())

    __repr__ = __str__

    def __format__(self, form: str) -> str:
        return format(str(self), form)


def say_when_read() -> str | None:
    """Have the modules that are loaded find their words when they are read; else why nothing was done.

    Costs of a process in which none of them is loaded: nothing.
    """
    found = {name: version(name) for name in READ_IN}
    if found != READ_IN:
        return f"their debug lines were read in {READ_IN}, this is {found}; a message costs more than it need"
    for name, words in WORDS.items():
        module = vars(sys.modules[name]) if name in sys.modules else {}
        for word in words:
            if (now := module.get(word)) is not None and not isinstance(now, functools.partial):
                module[word] = functools.partial(Unsaid, now)
    return None
