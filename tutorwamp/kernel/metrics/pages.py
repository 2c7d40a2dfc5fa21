"""A process's metrics as Prometheus reads them, and one page of several processes'. Pure, but for what is counted.

Each sample is told apart by ``process``. Text is put together, not values: to read it would cost more than to make it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import disable_created_metrics, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import REGISTRY, Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
# When each counter was made is a third of the page, and nobody asks.

_LABELLED: Final = re.compile(rb"(?m)^(\w+)\{")
_PLAIN: Final = re.compile(rb"(?m)^(\w+) ")
_HELP: Final = b"# HELP "
_UP: Final = """\
# HELP tutorwamp_process_up Whether the process answered in time; what it counts is missing here where it did not.
# TYPE tutorwamp_process_up gauge
"""


def noted_page(collectors: Iterable[Collector] = ()) -> Callable[[], bytes]:
    """Note what these say now, and write the page later, in whichever thread, with all that the process counts.

    ``collectors`` look at objects that only the reactor's thread may look at; what else is counted takes care of
    itself.
    """
    noted = _Noted([family for collector in collectors for family in collector.collect()])
    return lambda: generate_latest(REGISTRY) + generate_latest(noted)


def page_of_all(pages: Mapping[str, bytes | None]) -> bytes:
    """One page from each process's; null: it did not answer. A family of samples stands together, as it must."""
    families: dict[bytes, list[bytes]] = {}
    for process, page in pages.items():
        for family in (b"\n" + (page or b"")).split(b"\n" + _HELP)[1:]:
            meaning, kind, samples = (*family.split(b"\n", 2), b"")[:3]
            head = b"%b%b\n%b\n" % (_HELP, meaning, kind)
            families.setdefault(meaning.partition(b" ")[0], [head]).append(_labelled(_ended(samples), process))
    up = _UP + "".join(
        f'tutorwamp_process_up{{process="{process}"}} {int(page is not None)}\n' for process, page in pages.items()
    )
    return up.encode() + b"".join(part for parts in families.values() for part in parts)


class _Noted(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _labelled(samples: bytes, process: str) -> bytes:
    """One family at a time: while a pattern is looked for no other thread does anything."""
    label = b'process="%b"' % process.encode()
    samples = _LABELLED.sub(rb"\1{" + label + b",", samples)
    return _PLAIN.sub(rb"\1{" + label + b"} ", samples)


def _ended(samples: bytes) -> bytes:
    return samples if not samples or samples.endswith(b"\n") else samples + b"\n"
