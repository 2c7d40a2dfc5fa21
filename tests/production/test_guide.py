"""docs/production/README.md, followed from top to bottom on this machine's copy, which is thrown away afterwards.

Root is needed: the copy is an overlay of the whole file system in namespaces of its own (mounts, processes, network).
Two things are others than on a fresh machine: ``apt-get`` is not run (what it installs must be there), and
``pip install`` finds what the tests run with. ``systemctl`` is tests/production/systemctl.py.
"""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "production" / "README.md"
NAME = "classroom.test"
NEEDED = ("nginx", "sqlite3", "logrotate", "unshare", "openssl", "curl", "setpriv", "ip")
FOLLOWED_WITHIN_S = 900

missing = [tool for tool in NEEDED if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a copy of the machine"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}"),
]

ASK = f"""
ask() {{
    curl -sS --cacert /etc/ssl/{NAME}/fullchain.pem --resolve {NAME}:443:127.0.0.1 --resolve {NAME}:80:127.0.0.1 "$@"
}}
log_in() {{
    curl -fsS -H 'content-type: application/json' http://127.0.0.1:8080/api/auth/login \\
        -d '{{"email": "tina@school.example", "password": "a long password of Tina"}}'
}}
database() {{ sqlite3 /var/lib/tutorwamp/tutorwamp.sqlite3 "$1"; }}
"""
BEFORE = {
    "6. TLS": f"""
echo {NAME} > /etc/tutorwamp/name
mkdir -p /etc/ssl/{NAME}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} \\
    -keyout /etc/ssl/{NAME}/privkey.pem -out /etc/ssl/{NAME}/fullchain.pem 2>/dev/null
"""
}
AFTER = {
    "3. Check": "[ $(stat -c %a /var/lib/tutorwamp/tutorwamp.sqlite3) = 600 ]",
    "5. People": 'log_in | grep \'"role": *"tutor"\' > /dev/null',
    "6. TLS": f"""
ask -o /dev/null -w '%{{http_code}} %{{redirect_url}}\\n' http://{NAME}/x | grep '301 https://{NAME}/x' > /dev/null
ask https://{NAME}/ | grep '<title>' > /dev/null
ask https://{NAME}/api/health | grep '"status": *"ok"' > /dev/null
head -c 7000000 /dev/zero > /tmp/large
for path in lessons auth/login; do
    ask -H 'content-type: application/json' --data-binary @/tmp/large https://{NAME}/api/$path > /tmp/answer
    grep -q tutorwamp.error.too_large /tmp/answer
done
""",
    "7. Backup": """
ls /var/backups/tutorwamp/secret.key
echo 'a password of nobody in the backup' | tutorwamp user add late@school.example --name Late --role tutor
database 'select epoch from epochs' > /tmp/epoch
""",
    "8. Restore": """
log_in > /dev/null
[ "$(database "select count(*) from users where email like 'late%'")" = 0 ]
[ "$(database 'select epoch from epochs')" != "$(cat /tmp/epoch)" ]
[ -z "$(find /var/lib/tutorwamp -perm /077 -type f ! -name key.pub)" ]
""",
    "9. A new": "log_in > /dev/null; readlink /srv/tutorwamp/current | grep first > /dev/null",
    "10. Logs": f"""
systemctl stop tutorwamp
ask https://{NAME}/api/health | grep tutorwamp.error.unavailable > /dev/null
[ -z "$(pgrep -u tutorwamp)" ]
""",
}


def script() -> str:
    """All of the guide's commands in their order, with what is looked at between them."""
    steps = ["set -euo pipefail", "export PATH=/usr/local/bin:$PATH:/usr/sbin", "umask 022", ASK]
    for section in re.split(r"^## ", GUIDE.read_text(), flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        steps.append(f"echo '=== {title}'")
        steps += [text for start, text in BEFORE.items() if title.startswith(start)]
        for block in re.findall(r"^```sh\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL):
            steps.append("cd /opt/source")
            steps += [f"{block}"]
        steps += ["cd /opt/source", *(text for start, text in AFTER.items() if title.startswith(start))]
    return "\n".join([*steps, "echo followed to the end"])


PIP = """#!/bin/sh
# In place of pip: what is installed already.
here=$(dirname "$0")
echo "$TESTED_PACKAGES" > "$("$here/python" -c 'import site; print(site.getsitepackages()[0])')/tested.pth"
printf '#!%s/python\\nfrom tutorwamp.cli.main import main\\nmain()\\n' "$here" > "$here/tutorwamp"
chmod 755 "$here/tutorwamp"
"""

INSIDE = """
set -e
mount --make-rprivate /
mkdir -p "$1/upper" "$1/work" "$1/machine"
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/machine"
cd "$1/machine"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p opt/source/tutorwamp
mount --rbind "$2" opt/source/tutorwamp
ip link set lo up
cp "$1/script" tmp/script
cp "$1/systemctl" usr/local/bin/systemctl
cp "$1/apt-get" usr/local/bin/apt-get
chmod 755 usr/local/bin/systemctl usr/local/bin/apt-get
rm -rf var/lib/tutorwamp etc/tutorwamp srv/tutorwamp
shift 2
# The node's account has to reach the interpreter and its packages, wherever they are.
for path in "$@"; do
    while [ "$path" != / ]; do chmod a+rx ".$path"; path=$(dirname "$path"); done
done
exec chroot . /bin/bash /tmp/script
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a file system that can hold an overlay's upper layer: memory."""
    made = Path(tempfile.mkdtemp(prefix="tw-guide-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(made)], check=True)  # noqa: S603, S607  # root's own
    yield made
    subprocess.run(["umount", "-l", str(made)], check=True)  # noqa: S603, S607  # root's own
    made.rmdir()


def test_the_guide_is_followed_from_top_to_bottom(folder: Path) -> None:
    packages = [*site.getsitepackages(), str(ROOT)]
    (folder / "script").write_text(script())
    (folder / "systemctl").write_text(
        f"#!{sys.executable}\n" + (ROOT / "tests" / "production" / "systemctl.py").read_text()
    )
    (folder / "apt-get").write_text("#!/bin/sh\nexit 0\n")
    pip = folder / "pip"
    pip.write_text(PIP)
    text = (folder / "script").read_text()
    text = re.sub(
        r"^(/srv/tutorwamp/\w+)/bin/pip install .*$", r"cp /tmp/pip \1/bin/pip && \1/bin/pip", text, flags=re.MULTILINE
    )
    (folder / "script").write_text(text)
    inside = INSIDE.replace("ip link set lo up", 'cp "$1/pip" tmp/pip; chmod 755 tmp/pip; ip link set lo up')
    apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
    done = subprocess.run(  # noqa: S603  # our own
        [*apart, "sh", "-c", inside, "sh", str(folder), str(ROOT), sys.base_prefix, *packages],
        env={**os.environ, "TESTED_PACKAGES": "\n".join(packages)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FOLLOWED_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert done.stdout.rstrip().endswith("followed to the end")
