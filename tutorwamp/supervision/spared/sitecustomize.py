"""Spares the node's processes what Crossbar imports and nobody here uses: Python runs this first in each of them.

Ethereum, its databases and Docker are half a second and eighty megabytes a process. What Crossbar asks them for while
it is imported is given as names that cannot be used. See docs/decisions/0029-what-a-node-is-spared.md.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

LEFT_OUT: Final = frozenset(
    {
        "cfxdb",
        "crossbar.edge",  # another edition of a node
        "docker",
        "ecdsa",
        "eth_abi",
        "eth_account",
        "eth_keys",
        "eth_typing",
        "humanize",
        "nacl",
        "numpy",
        "passlib",
        "pyqrcode",
        "txtorcon",
        "watchdog",
        "web3",
        "xbr",
        "zlmdb",
    }
)
"""What Crossbar and autobahn import without asking whether it is there."""
ABSENT: Final = ("bjdata", "h2", "rich", "sdnotify")
"""What they, Twisted and structlog look for, and do without."""


class LeftOutError(NotImplementedError):
    """Something of Crossbar's was asked for that needs what this node is spared."""


class _LeftOut(type):
    """What a name of a spared module stands for: it can be imported, and nothing else."""

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise LeftOutError(f"{cls.__module__}.{cls.__name__}: nodes are spared it (tutorwamp/supervision/spared)")


class _Spare(MetaPathFinder, Loader):
    def find_spec(self, name: str, _path: Any, _target: Any = None) -> ModuleSpec | None:
        parts = name.split(".")
        spared = parts[0] in LEFT_OUT or ".".join(parts[:2]) in LEFT_OUT
        return ModuleSpec(name, self, is_package=True) if spared else None

    def exec_module(self, module: ModuleType) -> None:
        def name_in_it(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            made = _LeftOut(name, (), {"__module__": module.__name__})
            setattr(module, name, made)
            return made

        module.__dict__["__getattr__"] = name_in_it


def _run_what_this_stands_before() -> None:
    """The machine's own sitecustomize, where it has one."""
    here = Path(__file__).resolve().parent
    others = [path for path in sys.path if Path(path).resolve() != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":  # not where a test reads what is spared
    sys.meta_path.insert(0, _Spare())
    sys.modules.update(dict.fromkeys(ABSENT))  # type: ignore[arg-type]  # None: importing it fails
    _run_what_this_stands_before()
