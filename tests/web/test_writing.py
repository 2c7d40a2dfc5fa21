"""The page and the server agree on what can be seen."""

from __future__ import annotations

import json

import pytest

from tests.web.test_board_module import WHY_NOT, run
from tutorwamp.kernel.text import is_unseen

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

ALL_UNSEEN = """
import { isVisible } from "../../tutorwamp/web/client/writing.mjs";
const codes = [];
for (let code = 0xa0; code < 0x110000; code++) if (!isVisible(String.fromCodePoint(code))) codes.push(code);
console.log(JSON.stringify(codes));
"""


def test_C1_the_page_sends_what_the_server_takes_for_visible() -> None:
    done = run("--input-type=module", "--eval", ALL_UNSEEN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [code for code in range(0xA0, 0x110000) if is_unseen(f"\u200b{chr(code)}")]
