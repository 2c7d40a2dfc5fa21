"""A message is reported and its author put out, on a real node."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from tests.support.machine import PASSWORD
from tests.support.node import Node
from tests.support.people import PythonPerson, bare, planned_lesson, register
from tests.support.refused import refused
from tests.support.wamp import PATIENCE_S
from tutorwamp.app.offline import run_offline
from tutorwamp.app.settings import read_settings
from tutorwamp.client import Login
from tutorwamp.kernel.contracts import AuthRole, new_id


async def admin_of(node: Node) -> Login:
    """An admin's way in."""
    email = f"{new_id()}@school.example"
    settings = read_settings({name: text for name, text in node.env().items() if name.startswith("TUTORWAMP_")})
    await deferToThread(
        run_offline, settings, lambda machine: machine.accounts.add_user(email, PASSWORD, "Root", AuthRole.ADMIN)
    )
    login = Login(node.url)
    await login.log_in(email, PASSWORD)
    return login


async def test_C20_C23_a_message_is_reported_and_its_author_put_out(node: Node) -> None:
    cast = (("Tina", "tutor"), ("Ben", "student"), ("Anna", "student"))
    people = [await register(node, name, role) for name, role in cast]
    tina, ben = [await PythonPerson.enter(node, email) for email, _ in people[:2]]
    anna = await bare(node, people[2][0], "json")
    lesson_id = (await planned_lesson(tina.call, people[1][1], people[2][1]))["id"]
    lesson = await tina.client.join(lesson_id)
    said = await ben.call("tutorwamp.chat.send", lesson_id=lesson_id, body="You are all stupid")

    told = await anna.ask("tutorwamp.chat.report", message_id=said["id"], reason="Ben is rude")
    assert list(told) == ["report_id"]
    assert await anna.ask("tutorwamp.chat.report", message_id=said["id"], reason="Again") == told
    assert await lesson.report(said["id"], "He is") != told
    await refused("tutorwamp.error.invalid", anna.ask("tutorwamp.chat.report", message_id=said["id"]))
    await refused("tutorwamp.error.not_found", anna.ask("tutorwamp.chat.report", message_id=new_id(), reason="x"))
    await ben.call("tutorwamp.chat.delete", message_id=said["id"])

    admin = await admin_of(node)
    found = await admin.request("GET", "/api/reports?state=open&limit=2")
    assert [(one["body"], one["author"]["name"]) for one in found["items"]] == [("You are all stupid", "Ben")] * 2
    await refused("tutorwamp.error.forbidden", tina.client.login.request("GET", "/api/reports"))
    elsewhere = await bare(node, people[1][0], "json")
    done = await admin.request("POST", f"/api/reports/{told['report_id']}/resolve", {"deactivate": True, "note": "Out"})
    assert (done["state"], done["resolution"]["by"]["name"]) == ("resolved", "Root")
    assert (await elsewhere.left.addTimeout(PATIENCE_S, reactor)).reason == "tutorwamp.close.revoked"
    await refused("tutorwamp.error.unauthenticated", Login(node.url).log_in(people[1][0], PASSWORD))
    log = node.log()
    assert "what='deactivated for a report'" in log
    assert not any(words in log for words in ("stupid", "Ben is rude", "He is"))
    anna.leave()
    for person in (tina, ben):
        await person.close()
