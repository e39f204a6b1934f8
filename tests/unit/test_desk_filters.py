"""The queue narrowed by what stands in the address; views that people keep."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import insert, select, update

from scudo_agent.desk.filter_bar import tidy
from scudo_agent.desk.filters import FIELDS, read
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.people_tables import person
from scudo_agent.desk.store.queue import Wish
from scudo_agent.desk.store.saved_views import VIEWS_LIMIT, ViewError
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.desk.store.session_tables import session
from scudo_agent.desk.store.tables import ticket
from scudo_agent.instant import DAY, Instant
from support.desk_scene import play
from support.desking import OTHER, T0, Bench, stage

OURS = {"Sec-Fetch-Site": "same-origin"}
TECHNICIAN = Person(
    tenant_id="@provider", role=Role.TECHNICIAN, actor="person:7", person_id=7
)
CUSTOMER = Person(tenant_id="acme", role=Role.REFERENT, actor="person:8", person_id=8)


def asked(query: str, who: Person = TECHNICIAN) -> Any:
    return read(parse_qsl(query, keep_blank_values=True), who, T0)


@pytest.mark.parametrize(
    ("query", "wish"),
    [
        ("", Wish()),
        ("q=+erp%0A+x", Wish(text="erp x")),
        ("customer=acme&site=acme-milano", Wish(customer="acme", site="acme-milano")),
        ("status=closed,new", Wish(statuses=("closed", "new"))),
        ("severity=2&severity=1", Wish(severities=(1, 2))),
        ("urgency=3", Wish(urgencies=(3,))),
        ("origin=telefono", Wish(origin="Telefono")),
        ("category=blocked_activity", Wish(category="blocked_activity")),
        ("assignee=me", Wish(assignee=7)),
        ("assignee=nobody", Wish(assignee=0)),
        ("assignee=12", Wish(assignee=12)),
        ("unstable=1&overdue=1", Wish(unstable=True, due_before=T0)),
        ("age=3d", Wish(received_before=Instant(T0 - 3 * DAY))),
        ("status=any", Wish()),
    ],
)
def test_an_address_says_what_is_wished_for(query: str, wish: Wish) -> None:
    found = asked(query)
    assert found.wish == wish
    assert found.faults == ()
    assert asked(found.query).wish == wish


@pytest.mark.parametrize(
    "query",
    [
        "status=gone",
        "severity=4",
        "severity=1,x",
        "urgency=high",
        "origin=fax",
        "assignee=0",
        "assignee=me2",
        "unstable=yes",
        "age=0d",
        "age=3w",
        "customer=a/b",
    ],
)
def test_what_a_filter_does_not_know_is_said_and_left_out(query: str) -> None:
    found = asked(query)
    assert found.wish == Wish()
    assert len(found.faults) == 1
    assert found.query == ""


def test_customers_cannot_ask_by_what_is_the_providers() -> None:
    query = "customer=altri&assignee=7&urgency=1&unstable=1&overdue=1&category=x"
    assert asked(query, CUSTOMER).wish == Wish()
    assert asked("q=erp&severity=1", CUSTOMER).wish == Wish(text="erp", severities=(1,))


def test_only_known_fields_that_say_something_are_kept() -> None:
    assert tidy("q=erp&x=1&status=&after=o.1&severity=1,2") == "q=erp&severity=1,2"
    assert tidy("&".join(["q=a"] * 41)[:100]) != ""
    assert "after" not in FIELDS


def test_each_filter_narrows_the_list(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        other = stage(
            2,
            incident_id=OTHER,
            subject_key="check:posta/smtp",
            subject={"id": "posta", "title": {"it": "Posta"}},
            severity=3,
            rule="S4",
            members=[],
            affected=[],
        )
        reply = (await agent.send(stage(), other)).json()["results"]
        one, two = (result["ticket"] for result in reply)
        with b.desk.store.database.write() as db:
            changed = {
                "urgency": 1,
                "origin": "Telefono",
                "category": "total",
                "assignee_id": 7,
                "unstable_us": T0,
                "due_us": T0 - 1,
                "received_us": T0 - 4 * DAY,
                "status": "in_progress",
            }
            db.execute(update(ticket).where(ticket.c.ref == one).values(changed))
        views = b.desk.store.views
        for query in (
            "severity=1",
            "urgency=1",
            "origin=Telefono",
            "category=total",
            "assignee=me",
            "unstable=1",
            "overdue=1",
            "age=3d",
            "status=in_progress",
            "q=erp",
        ):
            page = views.queue(Scope.of_staff(), asked(query).wish)
            assert [line.ref for line in page.lines] == [one], query
        for query in ("severity=3", "assignee=nobody", "status=new", "q=posta"):
            page = views.queue(Scope.of_staff(), asked(query).wish)
            assert [line.ref for line in page.lines] == [two], query
        for query in ("customer=altri", "site=roma", "status=closed"):
            assert views.queue(Scope.of_staff(), asked(query).wish).lines == ()
        both = views.queue(Scope.of_staff(), asked("customer=acme&status=open").wish)
        assert [line.ref for line in both.lines] == [one, two]

    play(tmp_path, scene)


def join(b: Bench, name: str = "Tecnico") -> Person:
    """Make the session of the login link one of a person of the provider's."""
    row = {
        "tenant_id": "@provider",
        "mail": f"{name.lower()}@provider.example",
        "name": name,
        "role": "admin",
        "created_us": T0,
        "actor": "desk",
    }
    with b.desk.store.database.write() as db:
        query = insert(person).values(row).returning(person.c.person_id)
        made = db.execute(query).scalar_one()
        db.execute(update(session).values(person_id=made, actor=f"person:{made}"))
    return Person(
        tenant_id="@provider",
        role=Role.ADMIN,
        actor=f"person:{made}",
        person_id=made,
    )


def test_a_person_saves_renames_prefers_and_deletes_views(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await agent.send(stage())
        await b.log_in()
        who = join(b)
        views = b.desk.store.saved_views
        post = b.client.post
        form = {"name": "  Miei <b>", "query": "severity=1&evil=1&assignee=me"}
        reply = await post("/views", data=form, headers=OURS)
        assert reply.headers["location"] == "/?severity=1&assignee=me"
        (one,) = views.of(who)
        assert (one.name, one.query) == ("Miei <b>", "severity=1&assignee=me")
        page = (await b.client.get("/")).text
        assert "Miei &lt;b&gt;" in page
        assert "<b>" not in page.split("chips")[1].split("</nav>")[0]
        at = f"/views/{one.mark}"
        await post(f"{at}/prefer", data={"on": "1"}, headers=OURS)
        reply = await b.client.get("/")
        assert reply.headers["location"] == "/?severity=1&assignee=me"
        assert (await b.client.get("/?status=any")).status_code == 200
        await post(f"{at}/prefer", data={"on": ""}, headers=OURS)
        assert (await b.client.get("/")).status_code == 200
        views.save(who, "Altra", "")
        reply = await post(f"{at}/rename", data={"name": "Altra"}, headers=OURS)
        assert reply.status_code == 422
        assert "ha già questo nome" in reply.text
        reply = await post(f"{at}/rename", data={"name": "x" * 61}, headers=OURS)
        assert reply.status_code == 422
        assert "x" * 61 in reply.text
        await post(f"{at}/rename", data={"name": "Mia"}, headers=OURS)
        assert [v.name for v in views.of(who)] == ["Altra", "Mia"]
        at = f"/views/{views.of(who)[1].mark}"
        await post(f"{at}/delete", headers=OURS)
        assert [v.name for v in views.of(who)] == ["Altra"]
        assert (await post(f"{at}/delete", headers=OURS)).status_code == 404
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await post("/views", data=form, headers=foreign)).status_code == 403

    play(tmp_path, scene)


def test_views_are_each_persons_own_and_not_without_end(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        assert (await b.client.get("/views")).status_code == 404
        one, two = join(b), join(b, "Altro")
        views = b.desk.store.saved_views
        for number in range(VIEWS_LIMIT):
            views.save(one, f"v{number}", "q=a")
        with pytest.raises(ViewError):
            views.save(one, "too many", "q=a")
        views.save(one, "v1", "q=b")
        mine = views.of(one)[0].mark
        assert views.of(two) == ()
        assert not views.rename(two, mine, "x")
        assert not views.delete(two, mine)
        assert not views.prefer(two, mine, on=True)
        assert (await b.client.get("/views")).status_code == 200

    play(tmp_path, scene)


def test_the_list_goes_on_in_pages_and_keeps_its_filters(tmp_path: Path) -> None:
    async def scene(b: Bench) -> None:
        agent = await b.agent()
        await b.log_in()
        await agent.send(stage())
        with b.desk.store.database.write() as db:
            row = db.execute(select(ticket)).one()._asdict()
            more = [
                row | {"ticket_id": n, "ref": f"SC-AAAA-{n:04}", "incident_id": f"i{n}"}
                for n in range(2, 131)
            ]
            db.execute(insert(ticket), more)
        first = (await b.client.get("/?severity=1")).text
        assert first.count('href="/t/SC-') == 100
        following = first.split('rel="next"')[0].rpartition('href="')[2].split('"')[0]
        assert following.startswith("/?severity=1&amp;after=o.1.")
        # By its public number: ours would tell how many tickets others have.
        assert following.endswith(".SC-AAAA-0100")
        second = (await b.client.get(following.replace("&amp;", "&"))).text
        assert second.count('href="/t/SC-') == 30
        reply = await b.client.get("/?q=&severity=1&status=")
        assert reply.headers["location"] == "/?severity=1"
        nothing = (await b.client.get("/?q=zzz")).text
        assert "Nessun ticket corrisponde" in nothing
        odd = (await b.client.get("/?severity=9")).text
        assert "non conosce “9”" in odd

    play(tmp_path, scene)
