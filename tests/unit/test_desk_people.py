"""The people of a desk: who looks after whom, who gets in, and what is kept of it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people import ALL, NewPerson, PeopleError, Reach
from scudo_agent.desk.store.people_lines import Standing
from scudo_agent.desk.store.people_post import RESETS, Purpose
from scudo_agent.desk.store.scope import Person
from support.desk_scene import play
from support.desking import Bench, site
from support.people import STAFF_TENANT, new_person, security_kinds

HOUR = 3_600


def test_a_name_is_found_by_number_whoever_it_is(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        b.desk.enrol_embedded(site())
        ours = people.add(new_person(Role.TECHNICIAN, name="Uno Due"), actor="me")
        theirs = people.add(new_person(Role.CUSTOMER, "acme"), actor="me")
        people.disable(ALL, theirs, actor="me")
        found = people.names([ours, theirs, 99])
        assert found == {ours: "Uno Due", theirs: "Anybody Else"}
        assert people.names([]) == {}
        acting = people.acting(ours)
        assert acting is not None
        assert (acting.role, acting.actor) == (Role.TECHNICIAN, f"person:{ours}")
        assert people.acting(theirs) is None

    play(tmp_path, scene)


def test_an_address_is_somebodys_alone_and_a_role_is_of_a_side(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        b.desk.enrol_embedded(site())
        people.add(
            new_person(Role.REFERENT, "acme", mail="One@acme.example"), actor="x"
        )
        wrong = [
            new_person(Role.CUSTOMER, "acme", mail="one@ACME.example"),
            new_person(Role.CUSTOMER, "nobody"),
            new_person(Role.CUSTOMER, STAFF_TENANT),
            new_person(Role.MANAGER, "acme"),
            new_person(Role.CUSTOMER, "acme", name="  "),
            new_person(Role.CUSTOMER, "acme", name="x" * 121),
        ]
        for one in wrong:
            with pytest.raises(PeopleError):
                people.add(one, actor="x")
        assert people.lines(ALL).total == 1

    play(tmp_path, scene)


def reach(role: Role, tenant: str = STAFF_TENANT) -> Reach | None:
    return Reach.of(Person(tenant_id=tenant, role=role, actor="person:1"))


def test_who_looks_after_whom(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        b.desk.enrol_embedded(site())
        b.desk.enrol_embedded(site("beta", "beta-roma"))
        ids = {
            "staff": people.add(new_person(Role.DISPATCHER), actor="x"),
            "acme": people.add(new_person(Role.CUSTOMER, "acme"), actor="x"),
            "beta": people.add(new_person(Role.CUSTOMER, "beta"), actor="x"),
        }
        seen: dict[Role, set[str]] = {}
        for role in Role:
            of = reach(role, STAFF_TENANT if role not in _CUSTOMERS else "acme")
            lines = () if of is None else people.lines(of).lines
            seen[role] = {
                n for n, i in ids.items() if i in {x.person_id for x in lines}
            }
        assert seen == {
            Role.ADMIN: {"staff", "acme", "beta"},
            Role.MANAGER: {"acme", "beta"},
            Role.DISPATCHER: set(),
            Role.TECHNICIAN: set(),
            Role.REFERENT: {"acme"},
            Role.CUSTOMER: set(),
        }
        manager, referent = reach(Role.MANAGER), reach(Role.REFERENT, "acme")
        assert manager is not None
        assert referent is not None
        for of, name in ((manager, "staff"), (referent, "beta"), (referent, "staff")):
            who = ids[name]
            assert people.one(of, who) is None
            assert not people.set_role(of, who, Role.CUSTOMER, actor="y")
            assert not people.disable(of, who, actor="y")
            assert not people.enable(of, who, actor="y")
            assert not b.desk.store.credentials.invite(of, who, actor="y")
        # A referent lets people in; what they may is the provider's to say.
        assert not people.disable(referent, ids["acme"], actor="y")
        with pytest.raises(PeopleError):
            people.set_role(referent, ids["acme"], Role.REFERENT, actor="y")
        with pytest.raises(PeopleError):
            people.set_role(manager, ids["acme"], Role.ADMIN, actor="y")
        assert people.set_role(manager, ids["acme"], Role.REFERENT, actor="y")
        assert security_kinds(b) == ["role_changed"]

    play(tmp_path, scene)


_CUSTOMERS = (Role.CUSTOMER, Role.REFERENT)


def test_nobody_changes_his_own_rights(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        who = people.add(new_person(Role.ADMIN), actor="x")
        with pytest.raises(PeopleError):
            people.disable(ALL, who, actor=f"person:{who}")
        with pytest.raises(PeopleError):
            people.set_role(ALL, who, Role.TECHNICIAN, actor=f"person:{who}")

    play(tmp_path, scene)


async def mailed(b: Bench) -> str:
    """The token of the last mail that left."""
    await b.desk.send_mails()
    data = b.mails.mails[-1][1].decode()
    at = data.replace("=\r\n", "").partition("https://desk.example/")[2]
    return at.split()[0].partition("/")[2]


def test_an_invitation_works_once_for_72_hours(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        b.desk.enrol_embedded(site())
        new = new_person(Role.CUSTOMER, "acme")
        who = store.credentials.invite_new(new, actor="x")
        assert standing(b, who) is Standing.INVITED
        b.clock.forward(10 * 24 * HOUR)  # the mail server was away: it counts not
        first = fingerprint(await mailed(b))
        line = store.people.one(ALL, who)
        assert line is not None
        assert line.invited_until == b.clock.at + 72 * HOUR * 1_000_000
        b.clock.forward(72 * HOUR - 1)
        assert store.credentials.bearer(first, Purpose.INVITE) is not None
        assert store.credentials.bearer(first, Purpose.RESET) is None
        b.clock.forward(1)
        assert store.credentials.bearer(first, Purpose.INVITE) is None
        assert standing(b, who) is Standing.WITHOUT
        assert store.credentials.invite(ALL, who, actor="x")
        second = fingerprint(await mailed(b))
        for _ in range(2):
            assert store.credentials.bearer(second, Purpose.INVITE) is not None
        use = store.credentials.use
        assert use(second, Purpose.INVITE, "hash", name="New Name")
        assert not use(second, Purpose.INVITE, "other")
        assert store.people.names([who]) == {who: "New Name"}
        assert standing(b, who) is Standing.ACTIVE
        with pytest.raises(PeopleError):
            store.credentials.invite(ALL, who, actor="x")

    play(tmp_path, scene)


def standing(b: Bench, who: int) -> Standing:
    line = b.desk.store.people.one(ALL, who)
    assert line is not None
    return line.standing


def test_a_reset_is_mailed_to_who_is_known_and_not_for_ever(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        credentials = b.desk.store.credentials
        b.desk.store.people.add(new_person(Role.MANAGER, mail="m@p.example"), actor="x")
        assert not credentials.ask_reset("nobody@p.example")
        assert credentials.ask_reset(" M@p.example ")
        assert not credentials.ask_reset("m@p.example")  # one waits
        for _ in range(RESETS - 1):
            await b.desk.send_mails()
            assert credentials.ask_reset("m@p.example")
        await b.desk.send_mails()
        assert not credentials.ask_reset("m@p.example")
        b.clock.forward(HOUR)
        assert credentials.ask_reset("m@p.example")
        tokens = [fingerprint(await mailed(b))]
        assert len(b.mails.mails) == RESETS + 1
        assert credentials.bearer(tokens[0], Purpose.RESET) is not None
        b.clock.forward(HOUR)
        assert credentials.bearer(tokens[0], Purpose.RESET) is None

    play(tmp_path, scene)


def test_who_is_disabled_is_out_at_once(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        who = store.people.add(new_person(Role.ADMIN, mail="m@p.example"), actor="x")
        store.credentials.put_password(who, "hash", actor="x")
        assert store.sessions.begin(who, "s1", life_us=10**12)
        assert store.sessions.by_session("s1") is not None
        assert store.credentials.ask_reset("m@p.example")
        token = fingerprint(await mailed(b))
        assert store.credentials.ask_reset("m@p.example")
        assert store.people.disable(ALL, who, actor="x")
        assert store.sessions.by_session("s1") is None
        assert not store.sessions.begin(who, "s2", life_us=10**12)
        assert store.credentials.account("m@p.example") is None
        assert store.credentials.bearer(token, Purpose.RESET) is None
        assert not store.credentials.ask_reset("m@p.example")
        assert await b.desk.send_mails() == 0
        assert store.people.enable(ALL, who, actor="x")
        assert store.credentials.account("m@p.example") is not None
        assert store.sessions.by_session("s1") is None
        assert store.credentials.bearer(token, Purpose.RESET) is None
        kinds = ["password_set", "reset_asked", "reset_asked"]
        assert security_kinds(b) == [*kinds, "person_disabled", "person_enabled"]

    play(tmp_path, scene)


def test_a_role_holds_from_the_next_request(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        who = store.people.add(new_person(Role.ADMIN), actor="x")
        store.sessions.begin(who, "s1", life_us=10**12)
        store.people.set_role(ALL, who, Role.TECHNICIAN, actor="x")
        person = store.sessions.by_session("s1")
        assert person is not None
        assert person.role is Role.TECHNICIAN

    play(tmp_path, scene)


def test_a_password_ends_the_other_sessions(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        who = store.people.add(new_person(Role.ADMIN), actor="x")
        for one in ("s1" * 32, "s2" * 32, "s3" * 32):
            store.sessions.begin(who, one, life_us=10**12)
        assert [x.here for x in store.sessions.lines(f"person:{who}", "s2" * 32)] == [
            True, False, False,
        ]  # fmt: skip
        assert not store.sessions.end(f"person:{who}", "")
        assert not store.sessions.end("person:99", ("s3" * 32)[:16])
        assert store.sessions.end(f"person:{who}", ("s3" * 32)[:16])
        store.credentials.put_password(who, "h", actor="x", keeps="s2" * 32)
        lasts = [store.sessions.by_session(x * 32) for x in ("s1", "s2", "s3")]
        assert [one is not None for one in lasts] == [False, True, False]
        store.credentials.put_password(who, "h2", actor="x")
        assert store.sessions.by_session("s2" * 32) is None

    play(tmp_path, scene)


def test_a_mail_that_is_tried_again_has_a_token_of_its_own(tmp_path: Path) -> None:
    """Only hashes are kept, and the first mail may have arrived: both hold."""
    from scudo_agent.desk.mail.transport import TransportError

    async def scene(b: Bench) -> None:
        store = b.desk.store
        store.people.add(new_person(Role.ADMIN, mail="m@p.example"), actor="x")
        store.credentials.ask_reset("m@p.example")
        b.mails.faults = [TransportError("421 later")]
        await b.desk.send_mails()
        b.clock.forward(60)
        token = await mailed(b)
        assert kept(b) == 2
        assert store.credentials.use(fingerprint(token), Purpose.RESET, "hash")
        assert kept(b, "used_us IS NULL") == 0

    play(tmp_path, scene)


def kept(b: Bench, where: str = "true") -> int:
    query = text(f"SELECT count(*) FROM person_token WHERE {where}")
    with b.desk.store.database.read() as db:
        found: Any = db.execute(query).scalar_one()
    return int(found)


def test_links_and_mails_of_people_are_dropped_in_time(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        store = b.desk.store
        store.people.add(new_person(Role.ADMIN, mail="m@p.example"), actor="x")
        store.credentials.ask_reset("m@p.example")
        await b.desk.send_mails()
        b.clock.forward(34 * 24 * HOUR)
        store.retention.drop()
        assert kept(b) == 1
        b.clock.forward(2 * 24 * HOUR)
        store.retention.drop()
        assert kept(b) == 0
        with store.database.read() as db:
            assert not db.execute(text("SELECT * FROM mail_outbox")).all()

    play(tmp_path, scene)


def test_people_come_in_pages(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        people = b.desk.store.people
        b.desk.enrol_embedded(site())
        for n in range(101):
            new = NewPerson(
                tenant_id="acme", mail=f"{n}@a.example", name=f"N{n:03}",
                role=Role.CUSTOMER,
            )  # fmt: skip
            people.add(new, actor="x")
        first, last = people.lines(ALL), people.lines(ALL, page=9)
        assert (first.pages, first.total, len(first.lines)) == (2, 101, 100)
        assert [one.name for one in last.lines] == ["N100"]
        assert people.lines(ALL, customer="beta").total == 0

    play(tmp_path, scene)
