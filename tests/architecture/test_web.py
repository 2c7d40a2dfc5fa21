"""The JavaScript client stands alone: other pages, workers and Node take it without our page.

And the page finds all its files, which no test without a browser would notice.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

WEB = Path(__file__).parents[2] / "tutorwamp" / "web"
CLIENT = PurePosixPath("client")
MODULES = {
    PurePosixPath(path.relative_to(WEB).as_posix()): path.read_text()
    for path in sorted(WEB.rglob("*.mjs"))
    if path.parent.name not in {"vendor", "_build"}  # the second is a program of Node's that builds the page
}

STRING = r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
# A comment begins after a space or a bracket: the // of an address within `…` is none.
COMMENT = r"/\*.*?\*/|(?:^|(?<=[\s;{(]))//[^\n]*"
SPECIFIER = re.compile(rf"\b(?:from|import)\s*\(?\s*({STRING})")
OF_A_DOCUMENT = re.compile(
    # Not where it is a part of something (`.window`), a key (`window:`) or one's own method (`confirm(message) {`).
    r"(?<![.\w#$])(?:document|window|alert|confirm|prompt|matchMedia|getComputedStyle|requestAnimationFrame"
    r"|(?:HTML|SVG)\w*Element|DOM\w+|\w+Observer)\b(?!\s*:|\([^()]*\) \{)"
    r"|\b(?:globalThis|self)\s*(?:\.|\?\.|\[\W*)\s*(?:document|window)\b"
    r"|\.(?:innerHTML|textContent|createElement\w*|querySelector\w*|getElement\w+|appendChild|replaceChildren)\b"
)


def _code(source: str, *, strings: bool) -> str:
    """Without comments, and without what stands between quotes unless ``strings``. Templates stay as they are."""

    def kept(found: re.Match[str]) -> str:
        is_string = found.group()[0] in "'\""
        return found.group() if is_string and strings else '""' if is_string else " "

    return re.sub(f"{STRING}|{COMMENT}", kept, source, flags=re.DOTALL | re.MULTILINE)


def _imports(source: str) -> Iterator[str]:
    for found in SPECIFIER.finditer(_code(source, strings=True)):
        yield found.group(1)[1:-1]


def _lands_at(module: PurePosixPath, specifier: str) -> PurePosixPath | None:
    """Where in ``web/`` an import leads; None where it is no place there."""
    if not specifier.startswith(("./", "../")):
        return None
    parts = list(module.parent.parts)
    for step in PurePosixPath(specifier).parts:
        if step != "..":
            parts.append(step)
        elif parts:
            parts.pop()
        else:
            return None
    return PurePosixPath(*parts)


def _leaves_the_client(module: PurePosixPath, source: str) -> list[str]:
    places = {specifier: _lands_at(module, specifier) for specifier in _imports(source)}
    return [specifier for specifier, place in places.items() if place is None or CLIENT not in place.parents]


def _touches_the_page(source: str) -> list[str]:
    return [found.group() for found in OF_A_DOCUMENT.finditer(_code(source, strings=False))]


def test_the_client_imports_nothing_but_itself() -> None:
    clients = {module: source for module, source in MODULES.items() if CLIENT in module.parents}
    assert clients
    leaving = {
        str(module): found for module, source in clients.items() if (found := _leaves_the_client(module, source))
    }
    assert not leaving, (
        f"The client is taken without the page: hand these in from page/, as a hook or an argument: {leaving}."
    )


def test_the_client_touches_no_document() -> None:
    clients = {str(module): source for module, source in MODULES.items() if CLIENT in module.parents}
    touching = {module: found for module, source in clients.items() if (found := _touches_the_page(source))}
    assert not touching, f"A worker and Node have no document: what is shown belongs into page/: {touching}."


def test_every_import_finds_its_file() -> None:
    lost = [
        f"{module}: {specifier}"
        for module, source in MODULES.items()
        for specifier in _imports(source)
        if (place := _lands_at(module, specifier)) is None or not (WEB / place).is_file()
    ]
    assert not lost, f"A page without a module stays empty: mend these imports: {lost}."


def test_everything_that_index_html_names_is_there() -> None:
    named = re.findall(r'<(?:link|script|img)\b[^>]*\b(?:href|src)="([^"]+)"', (WEB / "index.html").read_text())
    assert "page/classroom.mjs" in named
    missing = [name for name in named if not (WEB / name).is_file()]
    assert not missing, f"index.html names what is not there: {missing}."


def test_the_first_line_of_a_module_says_what_is_in_it() -> None:
    silent = [str(module) for module, source in MODULES.items() if not re.match(r"// [^\n]{15}", source)]
    assert not silent, f"Begin these modules with a comment of one sentence: {silent}."


@pytest.mark.parametrize(
    ("module", "source", "leaving"),
    [
        ("client/a.mjs", 'import { a } from "./b.mjs";', []),
        ("client/chat/a.mjs", 'import { a } from "../b.mjs";', []),
        ("client/a.mjs", 'import { a } from "../page/dom.mjs";', ["../page/dom.mjs"]),
        ("client/chat/a.mjs", "import {\n  a,\n} from '../../page/dom.mjs';", ["../../page/dom.mjs"]),
        ("client/a.mjs", 'import "../page/dom.mjs";', ["../page/dom.mjs"]),
        ("client/a.mjs", 'export * from "../page/dom.mjs";', ["../page/dom.mjs"]),
        ("client/a.mjs", 'const a = await import("../page/dom.mjs");', ["../page/dom.mjs"]),
        ("client/a.mjs", 'import { a } from "/page/dom.mjs";', ["/page/dom.mjs"]),
        ("client/a.mjs", 'import { a } from "wampy";', ["wampy"]),
        ("client/a.mjs", 'import { a } from "../../../x.mjs";', ["../../../x.mjs"]),
        ("client/a.mjs", '// import { a } from "../page/dom.mjs";', []),
    ],
)
def test_an_import_out_of_the_client_is_noticed(module: str, source: str, leaving: list[str]) -> None:
    assert _leaves_the_client(PurePosixPath(module), source) == leaving


@pytest.mark.parametrize(
    ("source", "touching"),
    [
        ("document.title = words;", ["document"]),
        ("window.open(url);", ["window"]),
        ("const at = url ?? `${window.origin}/ws`;", ["window"]),
        ("const shown = globalThis.document?.hidden;", ["globalThis.document"]),
        ("if (confirm(words)) end();", ["confirm"]),
        ("requestAnimationFrame(draw);", ["requestAnimationFrame"]),
        ("node.querySelector(name).textContent = words;", [".querySelector", ".textContent"]),
        ("class A extends HTMLElement {}", ["HTMLElement"]),
        ("// The document is shown in a window.\nconst a = 1;", []),
        ("/** A window of the document. */", []),
        ('const words = "document and window";', []),
        ("const { document: text } = data; data.window.push({ window: 3 });", []),
        ("const url = `https://${host}/`; document.title = url;", ["document"]),
        ("const documents = this.#window;", []),
        ("class A {\n  confirm(message) {}\n}", []),
    ],
)
def test_a_look_at_the_page_is_noticed(source: str, touching: list[str]) -> None:
    assert _touches_the_page(source) == touching
