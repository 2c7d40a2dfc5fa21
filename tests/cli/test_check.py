"""``tutorwamp check``: good is good, and each wrong thing is named with its mend."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.node import environment as environment_of_tests
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.s3 import S3Server
from tests.support.tls import HOST, TlsEntrance, make_certificate
from tutorwamp.app.settings import engine_for, read_settings
from tutorwamp.cli import config_check
from tutorwamp.cli import findings as check
from tutorwamp.cli.config_check import begin_config_check
from tutorwamp.cli.findings import Finding, findings
from tutorwamp.kernel.contracts import utc_now
from tutorwamp.kernel.sql import migrate
from tutorwamp.kernel.sql.database import make_engine
from tutorwamp.kernel.sql.database_file import remember_database
from tutorwamp.kernel.sql.nodes import LEASE, nodes
from tutorwamp.supervision.node import config_file


@pytest.fixture
def environment(tmp_path: Path, empty_database_url: str) -> dict[str, str]:
    return {
        **environment_of_tests(),
        "TUTORWAMP_DATA_DIR": str(tmp_path / "data"),
        "TUTORWAMP_DATABASE_URL": empty_database_url,
    }


@pytest.fixture
def without_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Crossbar's own check, a process of two seconds, to the tests that are about it."""
    monkeypatch.setattr(check, "begin_config_check", lambda *_: lambda: (True, ""))


def found(environment: Mapping[str, str]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings(environment)}


def test_a_good_node(tmp_path: Path) -> None:
    environment = {**os.environ, "TUTORWAMP_DATA_DIR": str(tmp_path)}
    engine = make_engine(f"sqlite:///{tmp_path / 'tutorwamp.sqlite3'}")
    migrate.upgrade(engine)
    engine.dispose()
    got = found(environment)
    assert list(got) == ["settings", "node configuration", "database", "migrations"]
    assert all(finding.fine for finding in got.values()), got
    assert str(config_file()) in got["node configuration"].text


@pytest.mark.usefixtures("without_node")
def test_a_good_database(environment: dict[str, str]) -> None:
    engine = make_engine(environment["TUTORWAMP_DATABASE_URL"])
    migrate.upgrade(engine)
    engine.dispose()
    assert all(finding.fine for finding in findings(environment))


def test_the_configuration_as_it_came_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """So ``check`` need not ask Crossbar about it each time."""
    digest = hashlib.sha256(config_file().read_bytes()).hexdigest()
    monkeypatch.setattr(config_check, "AS_IT_CAME", "")
    assert begin_config_check(read_settings({}).node, os.environ)() == (True, str(config_file()))
    monkeypatch.undo()
    assert digest == config_check.AS_IT_CAME, "write it into tutorwamp/cli/config_check.py"


PROCESSOR_S_AT_MOST = 3.0
"""It takes one second where nobody else wants the processor, and half as much more where somebody does."""


def test_it_costs_little_processor_time(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "tutorwamp", "check"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(asked, env={**os.environ, "TUTORWAMP_DATA_DIR": str(tmp_path)}, capture_output=True, check=False)  # noqa: S603  # ours
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"\ntutorwamp check: {cost_s:.2f} s of processor time")  # noqa: T201  # for whoever looks with -s
    assert cost_s < PROCESSOR_S_AT_MOST


@pytest.mark.usefixtures("without_node")
def test_who_stands_still_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The database, the cache, the node: all are asked at once, and each is given the same short time."""
    monkeypatch.setattr(check, "ANSWERED_WITHIN_S", 0.5)
    with Postgres() as postgres, RedisServer("valkey") as redis:
        environment = {
            "TUTORWAMP_DATA_DIR": str(tmp_path),
            "TUTORWAMP_DATABASE_URL": postgres.create_database("still"),
            "TUTORWAMP_REDIS_URL": redis.url,
        }
        postgres.freeze()
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            got = found(environment)
        finally:
            postgres.thaw()
            os.kill(redis.pid, signal.SIGCONT)
    assert not got["database"].fine
    assert got["database"].text.startswith("no answer within 0.5 s")
    assert not got["Redis"].fine
    assert "timed out" in got["Redis"].text or "no answer" in got["Redis"].text


@pytest.mark.parametrize(
    "content",
    ["version: 2\nworkers: [{type: nonsense}]\n", "version: 2\nworkers: [\n"],
    ids=["unknown worker", "no yaml"],
)
def test_a_bad_node_configuration(tmp_path: Path, content: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(content)
    environment = {**os.environ, "TUTORWAMP_DATA_DIR": str(tmp_path), "TUTORWAMP_NODE_CONFIG": str(config)}
    got = found(environment)["node configuration"]
    assert not got.fine
    assert got.text.strip()
    assert "\n" not in got.text


@pytest.mark.usefixtures("without_node")
def test_an_empty_and_an_old_database(environment: dict[str, str]) -> None:
    newest = migrate.newest_revision()
    got = found(environment)
    assert got["database"].fine
    assert got["migrations"] == Finding(
        "migrations", fine=False, text=f"at none, needed {newest}: run tutorwamp migrate"
    )
    engine = make_engine(environment["TUTORWAMP_DATABASE_URL"])
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    assert found(environment)["migrations"].text == f"at 0000, needed {newest}: run tutorwamp migrate"


@pytest.mark.usefixtures("without_node")
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "TUTORWAMP_DATABASE_URL: Could not parse"),
        ("oracle+nothing://x", "TUTORWAMP_DATABASE_URL: Can't load plugin"),
        ("sqlite://", "TUTORWAMP_DATABASE_URL: "),
        ("sqlite:////nowhere/at/all.sqlite3", "unable to open database file"),
        ("postgresql://ada:hunter2@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_database_that_is_none(tmp_path: Path, url: str, told: str) -> None:
    got = found({"TUTORWAMP_DATA_DIR": str(tmp_path), "TUTORWAMP_DATABASE_URL": url})
    assert list(got) == ["settings", "node configuration", "database"]
    finding = got["database"]
    assert not finding.fine
    assert told in finding.text
    assert "TUTORWAMP_DATABASE_URL" in finding.text
    assert "hunter2" not in finding.text
    assert "\n" not in finding.text


@pytest.mark.usefixtures("without_node")
def test_a_redis_that_is_there_and_one_that_is_not(environment: dict[str, str]) -> None:
    with RedisServer("valkey") as server:
        asked = {**environment, "TUTORWAMP_REDIS_URL": server.url}
        assert found(asked)["Redis"] == Finding("Redis", fine=True, text=server.url)
    gone = found(asked)["Redis"]
    assert not gone.fine
    assert "check TUTORWAMP_REDIS_URL" in gone.text
    secret = found({**environment, "TUTORWAMP_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"})["Redis"]
    assert (secret.fine, "hunter2" in secret.text) == (False, False)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TUTORWAMP_PROT", "1", "Unknown setting TUTORWAMP_PROT. Did you mean TUTORWAMP_PORT?"),
        ("TUTORWAMP_PORT", "0", "TUTORWAMP_PORT='0': expected a port number, 1 to 65535"),
        ("TUTORWAMP_LOG_FORMAT", "xml", "TUTORWAMP_LOG_FORMAT='xml': expected one of console, json"),
        ("TUTORWAMP_REDIS_URL", "http://x", "TUTORWAMP_REDIS_URL: redis://HOST:PORT/DB or unix:///PATH is expected"),
        (
            "TUTORWAMP_SMTP_URL",
            "smtp://mail.example",
            "TUTORWAMP_SMTP_URL: smtp://USER:PASSWORD@HOST:PORT?from=ADDRESS",
        ),
        ("TUTORWAMP_WEB_PUSH_SUBJECT", "me", "TUTORWAMP_WEB_PUSH_SUBJECT: mailto:ADDRESS or https://HOST is expected"),
        ("TUTORWAMP_SECRET_KEY", "short", "TUTORWAMP_SECRET_KEY must have at least 32 bytes."),
        ("TUTORWAMP_SETTINGS", "/nowhere", "TUTORWAMP_SETTINGS=/nowhere: cannot be read (FileNotFoundError)"),
        ("TUTORWAMP_DATA_DIR", "/etc/hostname/x", "Not a directory"),
    ],
)
def test_a_setting_that_is_wrong_ends_the_search(tmp_path: Path, variable: str, value: str, told: str) -> None:
    (finding,) = findings({"TUTORWAMP_DATA_DIR": str(tmp_path), variable: value})
    assert (finding.what, finding.fine) == ("settings", False)
    assert told in finding.text


@pytest.mark.usefixtures("without_node")
@pytest.mark.parametrize(
    ("hard", "asked", "room", "fine"),
    [
        (20_000, None, None, True),
        (4_096, None, 3_096, True),
        (512, None, 256, False),
        (4_096, "3096", None, True),
        (4_096, "3097", 3_096, False),
        (resource.RLIM_INFINITY, "500000", None, True),
    ],
)
def test_S22_few_files_are_said(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    hard: int,
    asked: str | None,
    room: int | None,
    fine: bool,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, hard))
    if asked is not None:
        environment["TUTORWAMP_SESSIONS_AT_MOST"] = asked
    said = found(environment).get("open files")
    assert (said is None) == (room is None)
    if said is not None:
        assert said.fine is fine
        assert f"room for {room} sessions" in said.text


def test_S22_the_soft_limit_is_raised_to_the_hard_one() -> None:
    asked = """
import resource
from tutorwamp.kernel.files import raise_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
print(raise_open_files(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert done.stdout == "300 (300, 300)\n"


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All there is in a folder, with its modes, its inodes and what is in it."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_ino, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a key"])
def test_it_makes_nothing(tmp_path: Path, there: str) -> None:
    data_dir = tmp_path / "data"
    if there != "nothing":
        data_dir.mkdir()
    if there == "a key":
        (data_dir / "secret.key").write_bytes(b"x" * 48)
    before = contents(tmp_path)
    got = found({**os.environ, "TUTORWAMP_DATA_DIR": str(data_dir)})
    assert [what for what, finding in got.items() if not finding.fine] == ["migrations"]
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("without_node")
def test_it_tries_to_write_the_database(environment: dict[str, str]) -> None:
    engine = make_engine(environment["TUTORWAMP_DATABASE_URL"])
    migrate.upgrade(engine)
    sqlite = engine.dialect.name == "sqlite"
    refuses = (
        "CREATE TRIGGER full BEFORE INSERT ON write_probe BEGIN SELECT RAISE(ABORT, 'no room'); END"
        if sqlite
        else "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' "
        "USING ERRCODE = '53100'; END $$; "
        "CREATE TRIGGER full BEFORE INSERT ON write_probe EXECUTE FUNCTION refuse()"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(refuses.replace("TRIGGER full", 'TRIGGER "full"'))
    engine.dispose()
    finding = found(environment)["database"]
    assert not finding.fine
    assert "no room" in finding.text


@pytest.mark.usefixtures("without_node")
def test_a_database_that_is_gone_is_said(tmp_path: Path) -> None:
    environment = {"TUTORWAMP_DATA_DIR": str(tmp_path)}
    settings = read_settings(environment)
    file = tmp_path / "tutorwamp.sqlite3"
    migrate.upgrade(engine_for(settings))
    remember_database(settings)
    assert all(finding.fine for finding in findings(environment))
    file.rename(tmp_path / "away")
    for _ in range(2):
        (finding,) = findings(environment)
        assert finding.text.startswith(f"the database {file} is gone: put it back from a backup, or delete ")
        file.touch()  # an empty one is no better than none
    (tmp_path / "away").replace(file)
    assert all(finding.fine for finding in findings(environment))


@pytest.mark.usefixtures("without_node")
def test_a_folder_that_was_moved_has_moved_its_database(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    settings = read_settings({"TUTORWAMP_DATA_DIR": str(before)})
    migrate.upgrade(engine_for(settings))
    remember_database(settings)
    before.rename(after)
    assert all(finding.fine for finding in findings({"TUTORWAMP_DATA_DIR": str(after)}))
    (after / "tutorwamp.sqlite3").unlink()
    assert "is gone" in findings({"TUTORWAMP_DATA_DIR": str(after)})[0].text


@pytest.mark.usefixtures("without_node")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A limit on the size of files plays the folder that is read-only: for root there is none."""
    environment = {"TUTORWAMP_DATA_DIR": str(tmp_path)}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        got = found(environment)["data folder"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (got.fine, got.text) == (False, f"TUTORWAMP_DATA_DIR: {tmp_path} cannot be written: File too large")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_node")
def test_the_pictures_storage_is_asked(tmp_path: Path) -> None:
    environment = {"TUTORWAMP_DATA_DIR": str(tmp_path)}
    for url, told in (
        ("nonsense", "begins with neither"),
        ("s3+http://key:hunter2@127.0.0.1:1/pictures?region=here", "Connection refused"),
    ):
        got = found({**environment, "TUTORWAMP_BOARD_PICTURES_URL": url})["pictures"]
        assert not got.fine
        assert told in got.text
        assert "TUTORWAMP_BOARD_PICTURES_URL" in got.text
        assert "hunter2" not in got.text
    with S3Server() as server:
        server.make_bucket("pictures")
        good = {**environment, "TUTORWAMP_BOARD_PICTURES_URL": server.url("pictures")}
        assert found(good)["pictures"].fine
        other = {**environment, "TUTORWAMP_BOARD_PICTURES_URL": server.url("another")}
        assert not found(other)["pictures"].fine


@pytest.mark.usefixtures("without_node")
def test_a_redis_with_accounts_and_databases_is_asked_as_one_who_uses_it(environment: dict[str, str]) -> None:
    with RedisServer("valkey") as server:
        assert server.ask("ACL SETUSER ada on >p@ss:w/rd%1 ~* &* +@all") == b"+OK\r\n"
        assert server.ask("ACL SETUSER default off") == b"+OK\r\n"
        account = "unix://ada:p%40ss%3Aw%2Frd%251@"
        for url, told in (
            (f"{account}{server.socket}", None),
            (f"{account}{server.socket}?db=15", None),
            (f"{account}{server.socket}?db=99", "ERR DB index is out of range"),
            (f"unix://ada:hunter2@{server.socket}", "WRONGPASS"),
            (f"unix://{server.socket}", "NOAUTH"),
        ):
            got = found({**environment, "TUTORWAMP_REDIS_URL": url})["Redis"]
            assert got.fine == (told is None), got
            assert (told or "unix://***@") in got.text
            assert not any(secret in got.text for secret in ("ada", "p%40ss", "p@ss", "hunter2"))


@pytest.mark.usefixtures("without_node")
def test_a_redis_behind_tls_is_asked_as_one_who_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a node works over it: tests/journeys/test_drills.py."""
    certificate = make_certificate(tmp_path)
    with RedisServer("valkey") as server:
        assert server.ask("ACL SETUSER ada on >p@ss:w/rd%1 ~* &* +@all") == b"+OK\r\n"
        entrance = TlsEntrance(certificate, server.socket)
        good = f"ada:p%40ss%3Aw%2Frd%251@{HOST}:{entrance.port}"
        for url, trusted, told in (
            (f"rediss://{good}/1", certificate, None),
            (f"rediss://ada:p%40ss%3Aw%2Frd%251@127.0.0.1:{entrance.port}", certificate, None),
            (f"rediss://ada:hunter2@{HOST}:{entrance.port}", certificate, "WRONGPASS"),
            (f"rediss://{good}", make_other_certificate(tmp_path), "certificate"),
            (f"redis://{good}", certificate, ""),
        ):
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
            environment = {"TUTORWAMP_DATA_DIR": str(tmp_path / "data"), "TUTORWAMP_REDIS_URL": url}
            got = found(environment)["Redis"]
            assert got.fine == (told is None), got
            assert (told or "") in got.text
            assert "\n" not in got.text
            assert not any(secret in got.text for secret in ("ada", "p%40ss", "p@ss", "hunter2"))
        entrance.close()


def make_other_certificate(folder: Path) -> Path:
    (folder / "other").mkdir()
    return make_certificate(folder / "other")


@pytest.mark.usefixtures("without_node")
def test_other_nodes_on_the_database_are_named(environment: dict[str, str]) -> None:
    engine = make_engine(environment["TUTORWAMP_DATABASE_URL"])
    migrate.upgrade(engine)
    now = utc_now()
    with engine.begin() as connection:
        for name, seen_at in (("lives", now), ("dead", now - 2 * LEASE), ("stopped", None)):
            row = {"id": name, "beat": 1, "host": f"host-{name}", "started_at": now, "seen_at": seen_at}
            connection.execute(nodes.insert(), row)
    engine.dispose()
    got = found(environment)["other nodes"]
    assert got.fine
    assert f"lives on host-lives (since {now:%Y-%m-%d %H:%M} UTC)" in got.text
    assert ("host-lives" in got.text, "host-dead" in got.text, "host-stopped" in got.text) == (True, False, False)
    data = Path(environment["TUTORWAMP_DATA_DIR"])
    assert not data.exists(), "nothing was made"
    data.mkdir()
    (data / "node.json").write_text('{"id": "lives", "beat": 1, "file": null}')
    assert "other nodes" not in found(environment)
