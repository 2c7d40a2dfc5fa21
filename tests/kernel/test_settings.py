"""Settings: where they come from, what is refused, and the key that makes itself."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from tests.support.node import ROOT
from tutorwamp.app.settings import SETTINGS_CLASSES, read_settings
from tutorwamp.kernel.node_settings import NodeSettings, require_public_url
from tutorwamp.kernel.settings import PREFIX, SettingsError, describe, gather, read, refuse_unknown, setting


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Sample:
    """One setting of each type."""

    wait: timedelta = setting("WAIT", timedelta(seconds=3), "three is enough")
    count: int = setting("COUNT", 7, "seven")
    on: bool = setting("ON", default=True, reason="on")
    colour: Colour = setting("COLOUR", Colour.RED, "red")
    name: str | None = setting("NAME", None, "nobody")
    path: Path = setting("PATH", Path("here"), "here")
    parts: tuple[str, ...] = setting("PARTS", (), "none")


def sample(**values: str) -> Sample:
    return read(Sample, {PREFIX + name: text for name, text in values.items()})


def test_without_values_the_defaults_hold() -> None:
    assert sample() == Sample()


def test_each_type_is_read() -> None:
    assert sample(WAIT="90", COUNT="0", ON="off", COLOUR="green", NAME="x", PATH="/a b", PARTS="a, b ,,c") == Sample(
        wait=timedelta(seconds=90),
        count=0,
        on=False,
        colour=Colour.GREEN,
        name="x",
        path=Path("/a b"),
        parts=("a", "b", "c"),
    )
    assert sample(NAME="", PARTS=" ") == Sample()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("120s", 120),
        (" 120 s ", 120),
        ("500ms", 0.5),
        ("2min", 120),
        ("24h", 86_400),
        ("1.5", 1.5),
        ("0", 0),
    ],
)
def test_a_duration_is_in_seconds_unless_it_says_otherwise(text: str, seconds: float) -> None:
    assert sample(WAIT=text).wait == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WAIT", ""),
        ("WAIT", "soon"),
        ("WAIT", "-1"),
        ("WAIT", "1d"),
        ("WAIT", "inf"),
        ("WAIT", "1e3"),
        ("WAIT", "9999999999999999h"),
        ("WAIT", "9" * 400),
        ("COUNT", ""),
        ("COUNT", "1.0"),
        ("COUNT", "-1"),
        ("COUNT", "1234567890"),
        ("ON", "perhaps"),
        ("COLOUR", "blue"),
    ],
)
def test_an_ill_formed_value_is_one_clear_line(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        sample(**{name: text})
    assert str(caught.value).startswith(f"TUTORWAMP_{name}={text!r}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "65536", "99999", "http"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    for variable in ("TUTORWAMP_PORT", "TUTORWAMP_REST_PORT"):
        with pytest.raises(SettingsError, match=f"^{variable}="):
            read(NodeSettings, {variable: text})


def test_an_enum_says_what_it_knows() -> None:
    with pytest.raises(SettingsError, match="expected one of red, green"):
        sample(COLOUR="blue")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("# ours\n\nTUTORWAMP_COUNT = 1\n  TUTORWAMP_NAME=a=b # c\n")
    values = gather({"TUTORWAMP_SETTINGS": str(file), "TUTORWAMP_COUNT": "2", "HOME": "/"})
    assert values == {"TUTORWAMP_COUNT": "2", "TUTORWAMP_NAME": "a=b # c"}


@pytest.mark.parametrize("line", ["COUNT=1", "TUTORWAMP_COUNT", "export TUTORWAMP_COUNT=1"])
def test_an_ill_formed_line_of_the_file_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "settings"
    file.write_text(f"TUTORWAMP_COUNT=1\n{line}\n")
    with pytest.raises(SettingsError, match="line 2: expected TUTORWAMP_NAME=value"):
        gather({"TUTORWAMP_SETTINGS": str(file)})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"TUTORWAMP_NAME=\xff")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "latin"):
        with pytest.raises(SettingsError, match="cannot be read"):
            gather({"TUTORWAMP_SETTINGS": str(path)})


def test_an_unknown_name_suggests_the_near_one() -> None:
    with pytest.raises(SettingsError, match=r"^Unknown setting TUTORWAMP_COUNTS\. Did you mean TUTORWAMP_COUNT\?$"):
        refuse_unknown({"TUTORWAMP_COUNTS": "1"}, [Sample])
    with pytest.raises(SettingsError, match=r"^Unknown setting TUTORWAMP_ZZZ\.$"):
        refuse_unknown({"TUTORWAMP_ZZZ": "1"}, [Sample])
    refuse_unknown({"TUTORWAMP_COUNT": "1"}, [Sample])


def test_an_unknown_name_in_the_file_stops_the_start_as_well(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("TUTORWAMP_PROT=1\n")
    with pytest.raises(SettingsError, match="Did you mean TUTORWAMP_PORT"):
        read_settings({"TUTORWAMP_SETTINGS": str(file)})


def test_every_setting_has_a_name_of_its_own_and_a_reason() -> None:
    described = [one for settings_class in SETTINGS_CLASSES.values() for one in describe(settings_class)]
    names = [one.variable for one in described]
    assert len(set(names)) == len(names) == sum(len(fields(kind)) for kind in SETTINGS_CLASSES.values())
    assert all(one.reason for one in described)


# the signing key


def test_the_key_is_made_once_and_only_we_can_read_it(tmp_path: Path) -> None:
    node = NodeSettings(data_dir=tmp_path / "new" / "data")
    key = node.signing_key()
    assert len(key) >= 32
    assert node.signing_key() == key
    (file,) = node.data_dir.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert NodeSettings(data_dir=tmp_path / "another").signing_key() != key


def test_racing_threads_get_one_key(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def race() -> bytes:
        together.wait(30)
        return NodeSettings(data_dir=tmp_path / "data").signing_key()

    with ThreadPoolExecutor(8) as pool:
        keys = {raced.result() for raced in [pool.submit(race) for _ in range(8)]}
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_racing_processes_get_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tutorwamp.kernel.node_settings import NodeSettings\n"
        "print('here', flush=True); input()\n"
        f"print(NodeSettings(data_dir=Path({str(tmp_path)!r})).signing_key().decode())"
    )
    racers = [
        subprocess.Popen(  # noqa: S603  # our own command  # our own command
            [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "here\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    assert len({racer.communicate(timeout=30)[0] for racer in racers}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_draft_of_a_start_that_died_is_in_nobodys_way(tmp_path: Path) -> None:
    import os

    (tmp_path / f"secret.key.{os.getpid()}").write_bytes(b"half")
    assert len(NodeSettings(data_dir=tmp_path).signing_key()) >= 32


def test_a_key_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 32 bytes"):
        NodeSettings(secret_key="x" * 31).signing_key()
    assert NodeSettings(secret_key="ü" * 16).signing_key() == ("ü" * 16).encode()
    (tmp_path / "secret.key").write_bytes(b"")
    with pytest.raises(SettingsError, match="at least 32 bytes"):
        NodeSettings(data_dir=tmp_path).signing_key()


def test_proxies_are_addresses_and_networks() -> None:
    found = read(NodeSettings, {"TUTORWAMP_TRUSTED_PROXIES": "10.0.0.5, 192.168.0.0/16,2001:db8::/32"}).trusted_proxies
    assert [str(one) for one in found] == ["10.0.0.5/32", "192.168.0.0/16", "2001:db8::/32"]
    assert read(NodeSettings, {"TUTORWAMP_TRUSTED_PROXIES": ""}).trusted_proxies == ()
    for wrong in ("proxy.example", "10.0.0.5/8", "10.0.0", "10.0.0.5;10.0.0.6"):
        with pytest.raises(SettingsError, match=r"TUTORWAMP_TRUSTED_PROXIES.*expected addresses or networks"):
            read(NodeSettings, {"TUTORWAMP_TRUSTED_PROXIES": wrong})


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        (None, "http://127.0.0.1:8080"),
        ("https://tutor.school.example/", "https://tutor.school.example"),
        ("http://school.example:8443/tutor", "http://school.example:8443/tutor"),
    ],
)
def test_links_begin_with_the_public_address(url: str | None, begins: str) -> None:
    require_public_url(url)
    assert NodeSettings(public_url=url).page_url == begins


@pytest.mark.parametrize(
    "url",
    [
        "", "tutor.school.example", "ftp://school.example", "https://", "https://a.example/?x", "https://a.example/#x",
        "https://me@a.example", "https://a.example:0", "https://a.example:x", "https://a b.example",
        "https://a.example/\nx", "https://ä.example", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_no_link_begins_with_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_PUBLIC_URL"):
        require_public_url(url)
