"""What leaves: encrypted for the browser, signed by us, and only to the outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.notifications.push.devices import Browser, EndlessServer, PushServer
from tests.support.node import free_port
from tests.support.wamp import PATIENCE_S
from tutorwamp.kernel.errors import Invalid
from tutorwamp.kernel.settings import SettingsError
from tutorwamp.notifications.contracts import Channel, Kind
from tutorwamp.notifications.push.addresses import is_public, require_endpoint
from tutorwamp.notifications.push.contracts import (
    Delivery,
    Doubtful,
    Gone,
    Keys,
    Later,
    Refused,
    Sent,
    from_base64url,
    to_base64url,
)
from tutorwamp.notifications.push.service import require_push
from tutorwamp.notifications.push.settings import PushSettings
from tutorwamp.notifications.push.web_push import PLAIN_BYTES_AT_MOST, WebPush, encrypt, load_key, payload, public_bytes


def delivery(target: str, keys: Keys, **more: Any) -> Delivery:
    told: dict[str, Any] = {
        "delivery_id": "d", "user_id": "u", "channel": Channel.WEB_PUSH, "target": target, "p256dh": keys.p256dh,
        "auth": keys.auth, "notification_id": "n", "kind": Kind.LESSON_CHANGED, "title": "Brüche",
        "body": "The lesson was changed.", "data": {"lesson_id": "l"}, "created_at": datetime(2026, 11, 25, tzinfo=UTC),
        "read_at": None, "tries": 0, "taken_until": datetime(2026, 11, 25, tzinfo=UTC), **more,
    }  # fmt: skip
    return Delivery(**told)


@pytest_twisted.async_yield_fixture
async def server() -> AsyncIterator[PushServer]:
    made = PushServer()
    yield made
    await made.close()


@pytest.fixture
def provider(tmp_path: Path) -> WebPush:
    return WebPush(reactor, load_key(tmp_path / "vapid.pem"), "mailto:a@b.example", allowed=lambda _: True)


def test_the_vector_of_rfc_8291() -> None:
    """Appendix A: everything that is chosen at random is given."""
    private = int.from_bytes(from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    key = ec.derive_private_key(private, ec.SECP256R1())
    sealed = encrypt(
        b"When I grow up, I want to be a watermelon",
        from_base64url("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        from_base64url("BTBZMqHH6r4Tts7J_aSIgg"),
        key=key,
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert to_base64url(sealed) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_P4_the_browser_reads_what_was_sent_and_the_headers_are_right(
    server: PushServer, provider: WebPush
) -> None:
    browser = Browser()
    assert await provider.send(delivery(f"{server.url}/p/1", browser.keys)) == Sent()
    (pushed,) = server.pushed
    assert browser.read(pushed.body) == {
        "id": "n",
        "kind": "lesson.changed",
        "title": "Brüche",
        "body": "The lesson was changed.",
        "data": {"lesson_id": "l"},
    }
    assert pushed.path == "/p/1"
    assert (pushed.headers["content-encoding"], pushed.headers["ttl"], pushed.headers["urgency"]) == (
        "aes128gcm",
        str(12 * 3600),
        "normal",
    )
    claims = pushed.claims(server.url)
    assert claims["sub"] == "mailto:a@b.example"
    assert pushed.headers["authorization"].endswith(f"k={provider.public_key}")


async def test_P4_a_start_is_urgent_and_soon_worthless(server: PushServer, provider: WebPush) -> None:
    await provider.send(delivery(server.url, Browser().keys, kind=Kind.LESSON_STARTING))
    assert (server.pushed[0].headers["ttl"], server.pushed[0].headers["urgency"]) == ("1800", "high")


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Sent()),
        (404, {}, Gone()),
        (410, {}, Gone()),
        (403, {}, Doubtful("the push service answered 403")),
        (400, {}, Refused("the push service answered 400")),
        (307, {"location": "http://127.0.0.1:1/"}, Refused("the push service answered 307")),
        (429, {"retry-after": "77"}, Later("the push service answered 429", 77.0)),
        (503, {}, Later("the push service answered 503", None)),
        (503, {"retry-after": "soon"}, Later("the push service answered 503", None)),
    ],
)
async def test_P5_what_an_answer_means(
    server: PushServer, provider: WebPush, status: int, headers: dict[str, str], outcome: object
) -> None:
    server.statuses = [(status, headers)]
    assert await provider.send(delivery(server.url, Browser().keys)) == outcome


async def test_P2_a_service_may_say_as_a_date_when_it_wants_to_be_asked_again(
    server: PushServer, provider: WebPush
) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=500), usegmt=True)
    server.statuses = [(503, {"retry-after": at}), (503, {"retry-after": "1 Jan 99999999999 00:00:00"})]
    dated = await provider.send(delivery(server.url, Browser().keys))
    assert isinstance(dated, Later)
    assert dated.after_s is not None
    assert 400 < dated.after_s <= 500
    assert await provider.send(delivery(server.url, Browser().keys)) == Later("the push service answered 503", None)


@pytest_twisted.async_yield_fixture
async def endless(tmp_path: Path) -> AsyncIterator[EndlessServer]:
    made = EndlessServer(tmp_path)
    yield made
    await made.close()


async def test_P5_an_answer_that_never_ends_holds_nobody_up(
    endless: EndlessServer, provider: WebPush, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(endless.certificate))
    sending = Deferred.fromCoroutine(provider.send(delivery(endless.url, Browser().keys)))
    assert await sending.addTimeout(PATIENCE_S, reactor) == Sent()
    await endless.closed.addTimeout(PATIENCE_S, reactor)


async def test_P6_a_service_whose_certificate_nobody_knows_gets_nothing(
    endless: EndlessServer, provider: WebPush
) -> None:
    assert isinstance(await provider.send(delivery(endless.url, Browser().keys)), Refused)


async def test_P5_a_service_that_is_away_is_tried_later(provider: WebPush) -> None:
    outcome = await provider.send(delivery(f"http://127.0.0.1:{free_port()}/", Browser().keys))
    assert isinstance(outcome, Later)


async def test_P6_the_address_that_is_connected_to_is_looked_at(server: PushServer, tmp_path: Path) -> None:
    """Whatever the name meant when it was subscribed: ``localhost`` is as good as a name that was rebound."""
    strict = WebPush(reactor, load_key(tmp_path / "vapid.pem"), "mailto:a@b.example")
    outcome = await strict.send(delivery(server.url.replace("127.0.0.1", "localhost"), Browser().keys))
    assert isinstance(outcome, Later)
    assert server.pushed == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/1", "https://", "https://localhost/1", "https://intranet/1", "https://127.0.0.1/1",
        "https://10.1.2.3/", "https://192.168.0.1/", "https://169.254.169.254/latest", "https://[::1]/",
        "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/",
        "https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://a:b@push.example/",
        "https://push.example:0/", "https://push.example:x/", "ftp://push.example", "https://pu sh.example/",
        "https://224.0.0.1/", "https://0.0.0.0/", "https://100.64.0.1/", "https://[::127.0.0.1]/",
        "https://[::ffff:0:127.0.0.1]/", "https://[fec0::1]/", "https://[64:ff9b:1::a00:1]/",
        "https://push.invalid/1", "https://push.service.TEST/1", "https://printer.local./1",
        "https://push.localhost/1", "https://expyuzz4wqqyqhjn.onion/1", "https://push.internal/1",
        "https://.invalid/1", "https://example./1",
    ],
)  # fmt: skip
def test_P6_endpoints_that_lead_inside_are_refused(endpoint: str) -> None:
    with pytest.raises(Invalid):
        require_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["https://push.example/abc?x=1", "https://8.8.8.8/x", "https://push.example:8443/1"]
)
def test_P6_others_are_not(endpoint: str) -> None:
    require_endpoint(endpoint)


@pytest.mark.parametrize(
    "subject",
    [
        "mailto:", "mailto:@", "mailto:admin", "mailto:admin@host.invalid", "mailto:admin@host", "mailto:a@localhost",
        "https://", "https://localhost", "https://host.invalid", "https://10.0.0.1", "http://school.example",
        "admin@school.example", "school.example", "mailto:a@b.example, c@d.example",
    ],
)  # fmt: skip
def test_a_subject_that_reaches_nobody_stops_the_start(subject: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_WEB_PUSH_SUBJECT"):
        require_push(PushSettings(web_push_subject=subject))


@pytest.mark.parametrize("subject", ["mailto:admin@school.example", "https://school.example/contact"])
def test_others_do_not(subject: str) -> None:
    require_push(PushSettings(web_push_subject=subject))


def test_P6_public_is_what_everybody_can_reach() -> None:
    assert [is_public(one) for one in ("8.8.8.8", "2606:4700::1", "127.0.0.1", "::ffff:127.0.0.1")] == [
        True,
        True,
        False,
        False,
    ]


def test_long_texts_are_shortened_to_what_push_services_take() -> None:
    made = payload(delivery("x", Browser().keys, title="ü" * 300, body="€" * 1_000, data={"lesson_id": "l"}))
    assert len(made) <= PLAIN_BYTES_AT_MOST
    huge = payload(delivery("x", Browser().keys, data={"x": "y" * 5_000}))
    assert huge == b'{"id": "n", "kind": "lesson.changed"}'


def test_the_key_is_made_once_and_for_our_eyes_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vapid.pem"
    assert public_bytes(load_key(path)) == public_bytes(load_key(path))
    assert path.stat().st_mode & 0o777 == 0o600


OFF_THE_CURVE = to_base64url(b"\4" + bytes(64))


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "AAAA", "auth": "MDEyMzQ1Njc4OWFiY2RlZg"},
        {"p256dh": OFF_THE_CURVE, "auth": "MDEyMzQ1Njc4OWFiY2RlZg"},
        {"p256dh": Browser().keys.p256dh, "auth": "x"},
        {"p256dh": Browser().keys.p256dh, "auth": to_base64url(bytes(15))},
        {"p256dh": Browser().keys.p256dh, "auth": to_base64url(bytes(17))},
    ],
)
def test_keys_that_are_none_are_refused(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Keys.model_validate(keys)
