"""People who work on tickets, each with a browser of their own."""

from typing import Any

import httpx
from httpx import Response

from scudo_agent.desk import auth
from scudo_agent.desk.front import COOKIE
from scudo_agent.desk.rights import Role
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.instant import DAY
from support.desking import Bench
from support.people import new_person

OURS = {"Sec-Fetch-Site": "same-origin"}


class Hand:
    """One person: `do` sends a form of a ticket's page as it stands now."""

    def __init__(self, b: Bench, role: Role, name: str, *, tenant: str | None) -> None:
        self._desk = b.desk
        store = b.desk.store
        mail = f"{name.split()[0].lower()}@people.example"
        new = new_person(role, tenant, mail=mail, name=name)
        self.number = store.people.add(new, actor="person:admin")
        session = auth.new_session()
        store.sessions.begin(self.number, auth.fingerprint(session), life_us=30 * DAY)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(b.desk.asgi),
            base_url="https://desk.example",
            cookies={COOKIE: session},
            headers={"Accept-Language": "it"},
        )

    @property
    def person(self) -> Person:
        """As the store knows this person."""
        found = self._desk.store.people.acting(self.number)
        assert found is not None
        return found

    async def page(self, path: str) -> str:
        """What this person reads there."""
        return (await self.client.get(path)).text

    async def do(self, ref: str, act: str, **form: Any) -> Response:
        """Send a form, made of the ticket as it is, unless `form` says otherwise."""
        view = self._desk.store.views.ticket(Scope.of_staff(), ref)
        seen = {}
        if view is not None:
            last = view.entries[-1].mark
            seen = {"version": str(view.line.version), "seen": last}
        return await self.client.post(f"/t/{ref}/{act}", data=seen | form, headers=OURS)


def hand(
    b: Bench,
    role: Role = Role.TECHNICIAN,
    name: str = "Tina Tecnica",
    *,
    tenant: str | None = None,
) -> Hand:
    """Somebody with that role who is logged in."""
    return Hand(b, role, name, tenant=tenant)
