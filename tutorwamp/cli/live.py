"""``tutorwamp check --live``: ask a running node itself, by all the ways there are to it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tutorwamp import __version__
from tutorwamp.app.settings import Settings, read_settings
from tutorwamp.cli.findings import Asked, Finding, ask_others, port_of_running
from tutorwamp.kernel.errors import Unauthenticated
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.supervision.asking import Report, ask

ANSWERED_WITHIN_S: Final = 5.0
"""By a node that may be far away: its health takes two seconds at most, TLS and the way the rest."""
ASKED_WITHIN_S: Final = 2.0
"""By the supervisor, over a socket on this machine."""
TICKET: Final = "nobody's, from tutorwamp check"


def live_findings(environment: Mapping[str, str], url: str | None) -> list[Finding]:
    """Everything about a node that runs: the one of the settings, or what answers at ``url``.

    What only this machine knows (its processes, what they stand on) is told where the settings' node runs here.
    """
    try:
        settings = read_settings(environment)
    except SettingsError as error:
        return [Finding("settings", fine=False, text=str(error))]
    port = port_of_running(settings)
    if port is None and url is None:
        told = f"none runs on the data folder {settings.node.data_dir.absolute()}; name it with --url, or: tutorwamp up"
        return [Finding("running node", fine=False, text=told)]
    base = (url or f"http://127.0.0.1:{port}").rstrip("/")
    until_s = time.monotonic() + ANSWERED_WITHIN_S
    asked = [
        Asked("live", lambda: list(_live(base)), ANSWERED_WITHIN_S),
        Asked("ready", lambda: list(_ready(base)), ANSWERED_WITHIN_S),
        Asked("WAMP", lambda: [_wamp(base)], ANSWERED_WITHIN_S),
    ]
    if port is not None:
        asked += [Asked("supervisor", lambda: list(_supervised(settings)), ANSWERED_WITHIN_S), *ask_others(settings)]
    return [finding for one in asked for finding in one.found(until_s)]


@dataclass(frozen=True)
class _Told:
    """What a node says of its health."""

    fine: bool
    states: dict[str, str]
    """Some of which make it no worse."""


def _live(base: str) -> Iterator[Finding]:
    """In one line: who shows life."""
    url = f"{base}/api/health/live"
    told = _health(url)
    if isinstance(told, str):
        yield Finding("live", fine=False, text=told)
        return
    down = [name for name, state in sorted(told.states.items()) if state != "ok"]
    text = f"{url}: {', '.join(sorted(told.states))}" if told.fine else f"stands still: {', '.join(down)}; see its log"
    yield Finding("live", fine=told.fine, text=text)


def _ready(base: str) -> Iterator[Finding]:
    """In one line, and a line for each that is asked about."""
    url = f"{base}/api/health/ready"
    told = _health(url)
    if isinstance(told, str):
        yield Finding("ready", fine=False, text=told)
        return
    yield Finding("ready", fine=told.fine, text=url if told.fine else f"{url}: no; see its log")
    for name, state in sorted(told.states.items()):
        yield Finding(f"ready: {name}", fine=state == "ok", text="" if state == "ok" else state)


def _health(url: str) -> _Told | str:
    """The state of each dependency; what is wrong where none is told."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWERED_WITHIN_S) as answer:  # noqa: S310  # the operator's own address
            return _read(answer.read(), url)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.read(), f"{url} ({error.code})")
    except (OSError, ValueError) as error:
        return f"{url} does not answer: {error}"


def _read(answer: bytes, url: str) -> _Told | str:
    try:
        told = json.loads(answer)
        states = {str(name): str(state) for name, state in told["dependencies"].items()}
        return _Told(told["status"] == "ok", states)
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{url} does not answer as a node does; is a node there?"


def _wamp(base: str) -> Finding:
    """A ticket that is nobody's is refused by the router and the gate together, and only once all components are there.

    No login is needed, nobody's session comes of it; the audit has a line ``ticket refused``.
    """
    from tutorwamp.client.script import refusal_of  # late: it takes half a second to import

    begun_s = time.monotonic()
    refused = refusal_of(base, TICKET)
    took_ms = (time.monotonic() - begun_s) * 1_000
    if refused is None:
        return Finding("WAMP", fine=False, text=f"{base}/ws lets in whoever comes")
    if refused.uri != Unauthenticated.uri:
        return Finding("WAMP", fine=False, text=f"{base}/ws: {refused}")
    return Finding("WAMP", fine=True, text=f"{base}/ws refuses a ticket that is nobody's, after {took_ms:.0f} ms")


def _supervised(settings: Settings) -> Iterator[Finding]:
    """What the supervisor knows of its processes, by their signs of life; which version runs."""
    try:
        report = ask(settings.node.node_dir, ASKED_WITHIN_S)
    except TimeoutError:
        told = f"no answer within {ASKED_WITHIN_S:g} s: it stands still; kill it, and start it again"
        yield Finding("supervisor", fine=False, text=told)
        return
    if report is None:
        yield Finding("supervisor", fine=True, text="none: the node was started by hand")
        return
    told = f"process {report.pid}, restarts: {report.restarts}; {report.doing}"
    yield Finding("supervisor", fine=bool(report.processes), text=told)
    for name, lives in report.processes.items():
        what, _, which = name.removeprefix("the ").partition(" ")
        told = "shows life" if lives else "shows no life: the supervisor will replace it"
        yield Finding(what, fine=lives, text=f"{which} {told}")
    yield _version(report)


def _version(report: Report) -> Finding:
    same = report.version == __version__
    text = report.version if same else f"{report.version} runs, {__version__} is installed: restart the node"
    return Finding("version", fine=same, text=text)
