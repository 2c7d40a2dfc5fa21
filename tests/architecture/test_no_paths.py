"""Nothing in the repository knows the machine it was written on, or where that one gets its packages from."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Not after a letter, a dot or a slash: "artwork/" and "https://example.org/home/x/" are nobody's folders.
HOME = re.compile(r"(?<![\w.}/-])/(?:root|work|home/\w[\w.-]*|Users/\w[\w.-]*)/")
# No package registry is named, public or not: the machine's own settings do that.
REGISTRY = re.compile(
    r"index[-_]url\b"
    r"|\bfind[-_]links\b"
    r"|\bregistry\s*=\s*[\"']?https?:"
    r"|https?://[^\s\"'<>]*"
    r"(?:/simple\b|/pypi/|/npm/|artifactory|devpi|nexus)",
    re.IGNORECASE,
)


def _tracked_files() -> list[Path]:
    """What git tracks or would be asked to: new files are looked at before they are committed."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nobody can say which files belong to the repository")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - a literal command
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _found(text: str) -> str | None:
    match = HOME.search(text) or REGISTRY.search(text)
    return match and match[0]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    files = [path for path in _tracked_files() if path != Path(__file__)]
    assert ROOT / "setup.cfg" in files
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{number}": what
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if (what := _found(line))
    }
    assert not found, f"Write these lines without a folder or a package registry of one machine: {found}."


@pytest.mark.parametrize(
    "text",
    [
        "cd /root" + "/tutorwamp",
        "directory: /home/jane.doe/web",
        '"/Users/jane/web"',
        "see /work" + "/main/x",
        "pip install --index-url https://mirror.example/simple x",
        "registry=https://npm.example/",
        '"resolved": "https://packages.example/npm/wampy"',
        "https://proxy.example/repository/pypi/simple",
    ],
)
def test_a_line_that_knows_too_much_is_noticed(text: str) -> None:
    assert _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "ExecStart=/opt/tutorwamp/bin/tutorwamp up --data /var/lib/tutorwamp",
        "https://crossbar.example/docs/",
        "artwork/home/page/",
        "/home page",
        "the work/life balance of /api/auth/",
    ],
)
def test_an_innocent_line_is_let_through(text: str) -> None:
    assert _found(text) is None
