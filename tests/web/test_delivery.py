"""How the page gets to browsers and stays there: what was built is of the sources, small, and kept for bad times."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from twisted.internet import reactor as installed_reactor
from twisted.web.server import Site

from tests.support.node import ROOT, free_port
from tests.support.waiting import until
from tests.web.browser import Browser, executable
from tutorwamp.gate.built import FOLDER, RECORD, Built

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # twisted.web.static deprecates something of its own while it is imported
    from tutorwamp.gate.page import classroom

reactor: Any = installed_reactor
WEB = ROOT / "tutorwamp" / "web"
TOOLS = WEB / "_build"
FIRST_LOAD_BYTES_AT_MOST = 60_000
"""Half a second at 200 kB/s, as the figures of docs/performance/page.md have it."""
HEAD_BYTES = 400
"""Of an answer's head; the page's own is twice as long."""
NPM_AT_MOST_S = 300
SHOWN = "() => document.querySelector('#sign-in')?.checkVisibility()"
KEPT = """() => caches.keys().then(async (names) => {
  const asked = async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
  return Promise.all(names.map(async (name) => [name, await asked(name)]));
})"""
"""All that service workers and pages have put away: each cache and the addresses in it."""
NEWEST = """() => navigator.serviceWorker.ready.then(async () => {
  const page = await (await fetch("/", { cache: "no-store" })).text();
  const version = page.match(/name="version" content="(\\w+)"/)[1];
  return Boolean(await caches.match("./", { cacheName: `tutorwamp-shell-${version}` })) && version;
})"""
"""The version that the node has, once all of it is kept."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What builds, with what it needs from npm. Skips where npm is not, or cannot get it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: nobody can say whether the built page is what the sources make")
    folder = tmp_path_factory.mktemp("tools") / "page"
    shutil.copytree(TOOLS, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(  # noqa: S603  # npm, of our own list
        command, cwd=folder, capture_output=True, text=True, timeout=NPM_AT_MOST_S, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install what tutorwamp/web/_build/package.json names: {done.stderr[-300:]}")
    return folder


def build(tools: Path, out: Path, web: Path) -> None:
    command = ["node", str(tools / "build.mjs"), str(out), str(web)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own file
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def web(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with what is built of it now."""
    web = tmp_path_factory.mktemp("page") / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns(FOLDER, TOOLS.name, "__pycache__"))
    build(tools, web / FOLDER, web)
    assert Built(web).stale() is None
    return web


def test_there_is_a_built_page_of_these_sources() -> None:
    stale = Built(WEB).stale()
    assert stale is None, f"{stale}: npm ci --prefix tutorwamp/web/_build first, then commit tutorwamp/web/{FOLDER}/."


def test_what_is_built_is_what_the_sources_make(web: Path) -> None:
    committed, made = WEB / FOLDER, web / FOLDER
    names = [sorted(one.name for one in folder.glob("*")) for folder in (committed, made)]
    texts = [name for name in names[1] if not name.endswith(".br")]  # which another zlib may write in another way
    wrong = filecmp.cmpfiles(committed, made, texts, shallow=False)[1] if names[0] == names[1] else names
    assert not any(wrong), (
        "The page has changed since it was built: npm ci --prefix tutorwamp/web/_build, "
        f"npm run build --prefix tutorwamp/web/_build, and commit tutorwamp/web/{FOLDER}/."
    )


def test_H16_the_first_load_is_small_and_all_of_it_is_asked_for_at_once(web: Path) -> None:
    page = (web / FOLDER / "classroom.html").read_text()
    named = set(re.findall(r'<(?:script|link|img)\b[^>]*\b(?:src|href)="(built/[^"]+)"', page))
    assert {name.rpartition(".")[2] for name in named} == {"js", "css", "svg"}
    sizes = {name: (web / f"{name}.br").stat().st_size for name in sorted(named)}
    sizes["the page"] = (web / FOLDER / "classroom.html.br").stat().st_size
    assert sum(sizes.values()) + HEAD_BYTES * len(sizes) <= FIRST_LOAD_BYTES_AT_MOST, sizes
    # No script of the first load waits for another that the page does not name.
    for name in named:
        if name.endswith(".js"):
            later = re.findall(r'(?:from|^import|;import)"\./([^"]+)"', (web / name).read_text())
            assert {f"built/{one}" for one in later} <= named, name


def test_everything_built_is_named_after_its_content_or_asked_for_each_time(web: Path) -> None:
    names = {path.name for path in (web / FOLDER).iterdir() if path.suffix != ".br"}
    fixed = {"classroom.html", "service-worker.js", RECORD}
    assert all(re.fullmatch(r"[\w-]+-[A-Z0-9]{8}\.\w+", name) for name in names - fixed)
    worker = (web / FOLDER / "service-worker.js").read_text()
    assert all(f"{FOLDER}/{name}" in worker for name in names - fixed), "the worker keeps all of its version"


def test_the_manifest_names_pictures_that_are_as_large_as_it_says() -> None:
    manifest = json.loads((WEB / "manifest.webmanifest").read_text())
    assert {"192x192", "512x512"} <= {one["sizes"] for one in manifest["icons"]}
    assert {one["purpose"] for one in manifest["icons"]} == {"any", "maskable"}
    for one in manifest["icons"]:
        if one["type"] == "image/png":
            with Image.open(WEB / one["src"]) as picture:
                assert f"{picture.width}x{picture.height}" == one["sizes"]
        assert (WEB / one["src"]).is_file()


class Serving:
    """The page of a folder at a port, while it is on."""

    def __init__(self, web: Path) -> None:
        self.web = web
        self.port = free_port()
        self.requests: list[bytes] = []
        self._listening: Any = None
        self.start()

    def start(self) -> None:
        page = classroom(self.web)
        find: Any = page.getChildWithDefault

        def noted(path: bytes, request: Any) -> Any:
            if not request.prepath[1:]:
                self.requests.append(request.path)
            return find(path, request)

        page.getChildWithDefault = noted  # type: ignore[method-assign]  # a test's ear
        self._listening = reactor.listenTCP(self.port, Site(page), interface="127.0.0.1")

    async def stop(self) -> None:
        """As a node that is killed: connections are gone, and nobody listens."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def serving(web: Path, tmp_path: Path) -> Iterator[Serving]:
    executable()
    shutil.copytree(web, tmp_path / "web")
    serving = Serving(tmp_path / "web")
    yield serving
    if serving._listening is not None:
        serving._listening.stopListening()


async def test_the_page_is_there_while_the_node_is_not_and_changes_with_it(
    serving: Serving, tools: Path, tmp_path: Path
) -> None:
    async def shows(version: str) -> None:
        await browser.until(SHOWN)
        assert await browser.value("document.querySelector('meta[name=version]').content") == version

    async def another_version(words: str) -> str:
        path = serving.web / "page/words/en.mjs"
        path.write_text(path.read_text().replace("could not be", f"could not be {words}"))
        build(tools, serving.web / FOLDER, serving.web)
        serving.start()
        return str(await browser.until(NEWEST))

    browser = await Browser.open(tmp_path / "profile", serving.url)
    try:
        first = await browser.until(NEWEST)
        await serving.stop()
        await browser.ask("Page.reload")
        await shows(first)
        await browser.go(f"{serving.url}?from=elsewhere#lesson=1")
        await shows(first)

        # Another version comes; the page of the first, still open, finds its parts.
        old = re.findall(r'"(built/[^"]+)"', (serving.web / FOLDER / "service-worker.js").read_text())
        second = await another_version("quickly")
        found = f"Promise.all({json.dumps(old)}.map((one) => fetch(one).then(({{ ok }}) => ok)))"
        assert (first != second, await browser.value(found)) == (True, [True] * len(old))
        await browser.ask("Page.reload")
        await shows(second)
        await serving.stop()
        await browser.ask("Page.reload")
        await shows(second)

        # A third one: of the first nothing stays.
        third = await another_version("at all")
        await browser.until(f"() => caches.has('tutorwamp-shell-{first}').then((has) => !has)")
        kept = dict(await browser.value(f"({KEPT})()"))
        assert kept.pop("tutorwamp-words") == ["/words"]
        assert set(kept) == {f"tutorwamp-shell-{version}" for version in (second, third)}
        assert all(path == "/" or path.startswith("/built/") for paths in kept.values() for path in paths), kept
    finally:
        browser.errors.clear()  # the network was away
        await browser.close()


async def test_it_can_be_installed_and_shows_what_is_pushed(serving: Serving, tmp_path: Path) -> None:
    browser = await Browser.open(tmp_path / "profile", serving.url)
    heard: list[dict[str, Any]] = []
    listen = browser.chromium.listeners[browser._session]

    def hear(method: str, params: dict[str, Any]) -> None:
        if method == "ServiceWorker.workerRegistrationUpdated":
            heard.extend(params["registrations"])
        listen(method, params)

    browser.chromium.listeners[browser._session] = hear
    try:
        await browser.speak("de")
        await browser.go(serving.url)
        await browser.until(NEWEST)
        await browser.until("async () => !!(await caches.match('./words', { cacheName: 'tutorwamp-words' }))")
        wanting = (await browser.ask("Page.getInstallabilityErrors"))["installabilityErrors"]
        assert [one["errorId"] for one in wanting] == ["in-incognito"]  # the tab's, not the page's
        assert (await browser.ask("Page.getAppManifest"))["errors"] == []
        await browser.chromium.ask(
            "Browser.grantPermissions", permissions=["notifications"], browserContextId=browser.context
        )
        await browser.ask("ServiceWorker.enable")
        await until(lambda: bool(heard), "the registration is told")
        number = heard[-1]["registrationId"]
        about = {"lesson_id": "7", "starts_at": "2026-12-01T09:30:00.000Z", "says": "starting"}
        told = {"id": "1", "kind": "lesson.starting", "title": "\u05e9 Math", "body": "It begins.", "data": about}
        invited = {**told, "id": "2", "data": about | {"says": "invited", "name": "Tina"}}
        for data in (json.dumps(told), json.dumps(invited), "no JSON", "null"):
            await browser.ask(
                "ServiceWorker.deliverPushMessage", origin=serving.url.rstrip("/"), registrationId=number, data=data
            )
        shown = await browser.until("""() => navigator.serviceWorker.ready.then(async (registration) => {
          const all = await registration.getNotifications();
          return all.length >= 2 && all.map(({ title, body, data }) => [title, body, data.lessonId]);
        })""")
        (nothing, starting) = sorted(shown)
        assert nothing == ["Classroom", "", ""]
        assert (starting[0], starting[2]) == ("\u05e9 Math", "7")
        # In the language of the page that was there last.
        said = "\u2068Tina\u2069 hat dich zu dieser Stunde eingeladen."
        assert re.fullmatch(rf"{said}\nDienstag, 1\. Dezember.*", starting[1])
        await clicked(browser, said)
        await browser.until("() => location.hash === '#lesson=7'")
    finally:
        await browser.close()


async def clicked(browser: Browser, words: str) -> None:
    """As if somebody had clicked on the notification with these words; nobody can, in a browser without a screen."""
    targets = (await browser.chromium.ask("Target.getTargets"))["targetInfos"]
    (worker,) = [one["targetId"] for one in targets if one["type"] == "service_worker"]
    attached = await browser.chromium.ask("Target.attachToTarget", targetId=worker, flatten=True)
    click = f"""registration.getNotifications().then((all) => {{
      const notification = all.find(({{ body }}) => body.startsWith({json.dumps(words)}));
      dispatchEvent(new NotificationEvent("notificationclick", {{ notification }}));
    }})"""
    await browser.chromium.ask("Runtime.evaluate", attached["sessionId"], expression=click, awaitPromise=True)


async def test_the_browser_holds_the_page_to_its_policy(serving: Serving, tmp_path: Path) -> None:
    browser = await Browser.open(tmp_path / "profile", serving.url)
    try:
        await browser.until(SHOWN)
        for attempt in (
            "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
            "document.body.innerHTML = '<b>x</b>'",
            "document.createElement('script').src = '/page/words.mjs'",
            "trustedTypes.createPolicy('other', { createHTML: (text) => text })",
            "navigator.serviceWorker.register('/service-worker.mjs')",
        ):
            refused = f"(async () => {attempt})().then(() => null, ({{ name }}) => name)"
            assert await browser.value(refused) == "TypeError", attempt
        assert not await browser.value("fetch('https://elsewhere.example/').then(() => true, () => false)")
        assert browser.errors
        browser.errors.clear()  # which were meant
    finally:
        await browser.close()


async def test_a_part_that_is_gone_is_told_politely(serving: Serving, tools: Path, tmp_path: Path) -> None:
    """Where there is no service worker, an old page asks for what the node has not any more."""
    browser = await Browser.open(tmp_path / "profile", f"{serving.url}index.html")
    try:
        await browser.until(SHOWN)
        missing = "later(() => import('/built/gone-ABCDEFGH.js'))"
        part = f"import('/page/shell.mjs').then(({{ later }}) => {missing}).catch(() => {{}})"
        await browser.value(part)
        await browser.sees("could not be loaded", "#notices")
        await browser.value("document.querySelector('meta[name=version]').content = 'OLD'")
        await browser.value(part.replace("gone", "lost"))
        await browser.sees("new version", "#notices")
    finally:
        browser.errors.clear()
        await browser.close()
