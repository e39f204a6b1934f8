"""The page of people: whom each role sees there, invites and changes."""

import html
from pathlib import Path

import pytest

from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people import ALL
from support.desk_scene import play
from support.desking import Bench, site
from support.people import OWN, join_in, log_in, mailed, new_person, security_kinds

CANARY = "canary-7f3k"


async def enter(b: Bench, role: Role, tenant: str | None = None) -> int:
    """Somebody of that role is logged in."""
    mail = f"me-{role.value}@x.example"
    who = await join_in(b, role, mail=mail, tenant=tenant)
    assert (await log_in(b, mail)).status_code == 303
    return who


async def post(b: Bench, path: str, **form: str) -> int:
    return (await b.client.post(path, data=form, headers=OWN)).status_code


@pytest.mark.rights
def test_a_referent_sees_and_invites_his_own_company(tmp_path: Path) -> None:
    """Threats 1, 2 and 4: others' people are not there."""

    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        b.desk.enrol_embedded(site("beta", "beta-roma"))
        theirs = people.add(
            new_person(Role.CUSTOMER, "beta", mail=f"{CANARY}@b.example", name=CANARY),
            actor="x",
        )
        staff = people.add(new_person(Role.MANAGER, name=CANARY), actor="x")
        await enter(b, Role.REFERENT, "acme")
        colleague = await join_in(b, Role.CUSTOMER, mail="c@acme.example")
        for query in ("", "?customer=beta", "?customer=@provider", "?page=99"):
            page = await b.client.get(f"/people{query}")
            assert page.status_code == 200
            assert CANARY not in page.text
            assert "BETA" not in page.text
        assert "c@acme.example" in (await b.client.get("/people")).text
        for who in (theirs, staff, 999):
            for act in ("disable", "enable", "invite", "role"):
                assert await post(b, f"/people/{who}/{act}", role="admin") == 404
        # What is no field of the form's is no say of his.
        new = {"mail": "new@acme.example", "name": "Nuovo", "customer": "beta"}
        assert await post(b, "/people", **new, role="admin", tenant_id="beta") == 303
        line = people.one(ALL, "new@acme.example")
        assert line is not None
        assert (line.tenant_id, line.role) == ("acme", Role.CUSTOMER)
        assert await post(b, f"/people/{colleague}/disable") == 404
        assert people.acting(colleague) is not None
        # Somebody has the address: whose it is, nobody is told.
        reply = await b.client.post(
            "/people", data=new | {"mail": f"{CANARY}@b.example"}, headers=OWN
        )
        assert reply.status_code == 422
        assert "beta" not in reply.text.lower().partition("<main")[2].replace(
            'value="beta"', ""
        )
        assert (await mailed(b)).startswith("/invited/")
        assert b.mails.mails[-1][0] == "new@acme.example"

    play(tmp_path, scene)


@pytest.mark.rights
def test_a_manager_looks_after_customers_people_alone(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        staff = people.add(new_person(Role.DISPATCHER, name=CANARY), actor="x")
        await enter(b, Role.MANAGER)
        who = await join_in(b, Role.CUSTOMER, mail="c@acme.example")
        page = await b.client.get("/people")
        assert "c@acme.example" in page.text
        assert CANARY not in page.text
        assert await post(b, f"/people/{staff}/disable") == 404
        assert await post(b, f"/people/{who}/role", role="referent") == 303
        assert await post(b, f"/people/{who}/role", role="admin") == 422
        assert await post(b, f"/people/{who}/role", role="king") == 422
        assert await post(b, f"/people/{who}/none") == 404
        new = {"mail": "new@p.example", "name": "Nuovo", "role": "technician"}
        assert await post(b, "/people", **new) == 422
        assert people.one(ALL, "new@p.example") is None
        assert await post(b, f"/people/{who}/disable") == 303
        assert await post(b, f"/people/{who}/enable") == 303
        kinds = ["role_changed", "person_disabled", "person_enabled"]
        assert security_kinds(b)[-3:] == kinds

    play(tmp_path, scene)


def test_an_administrator_invites_and_what_is_refused_keeps_what_was_typed(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        me = await enter(b, Role.ADMIN)
        typed = {"mail": "no mail", "name": "Nome & Cognome", "role": "technician"}
        reply = await b.client.post("/people", data=typed, headers=OWN)
        assert reply.status_code == 422
        text = html.unescape(reply.text)
        assert 'value="no mail"' in text
        assert 'value="Nome & Cognome"' in text
        assert '<option value="technician" selected>' in text
        assert await post(b, f"/people/{me}/disable") == 422
        assert await post(b, "/people", **typed | {"mail": "t@p.example"}) == 303
        line = b.desk.store.people.one(ALL, "t@p.example")
        assert line is not None
        assert line.tenant_id == "@provider"
        page = await b.client.get("/people?done=invited")
        assert "L’invito è in viaggio." in html.unescape(page.text)
        foreign = {"Origin": "https://evil.example"}
        reply = await b.client.post("/people", data=typed, headers=foreign)
        assert reply.status_code == 403

    play(tmp_path, scene)


def test_a_name_is_only_text(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await enter(b, Role.ADMIN)
        evil = "<script>alert(1)</script>"
        new = {"mail": "t@p.example", "name": evil, "role": "technician"}
        assert await post(b, "/people", **new) == 303
        page = await b.client.get("/people")
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
        await b.desk.send_mails()
        assert b"<script" not in b.mails.mails[-1][1].partition(b"text/html")[2]

    play(tmp_path, scene)


def test_mails_to_people_are_in_their_language_and_one_screen(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await enter(b, Role.ADMIN)
        for language, words in (("it", "Scegliete una password"), ("en", "Choose a")):
            mail = f"{language}@p.example"
            new = {"mail": mail, "name": "Uno", "role": "manager", "language": language}
            assert await post(b, "/people", **new) == 303
            await b.desk.send_mails()
            recipient, data = b.mails.mails[-1]
            assert recipient == mail
            assert words in data.decode()
            assert b"Auto-Submitted: auto-generated" in data

    play(tmp_path, scene)
