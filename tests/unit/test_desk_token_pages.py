"""The page of one's own tokens: shown once, listed, revoked, and nobody else's."""

import asyncio
import re
from pathlib import Path

import pytest

from scudo_agent.desk import auth
from scudo_agent.desk.rights import Role
from support.desking import Bench, bench
from support.token_desk import put_person, put_token

pytestmark = pytest.mark.rights
HERE = {"Sec-Fetch-Site": "same-origin"}


def _came_in(b: Bench, number: int) -> None:
    """As `number`, by a session that is in the database."""
    session = auth.new_session()
    b.desk.store.sessions.begin(
        number, session_sha256=auth.fingerprint(session), life_us=10**12
    )
    b.client.cookies.set("scudo_session", session)


def test_a_token_is_shown_once_and_revoked_by_its_person(tmp_path: Path) -> None:
    async def go() -> None:
        async with bench(tmp_path) as b:
            store = b.desk.store
            me = put_person(store, Role.TECHNICIAN)
            other = put_person(store, Role.ADMIN)
            put_token(store, other)
            _came_in(b, me)
            page = await b.client.get("/me/tokens")
            assert "No program of yours has a token." in page.text
            assert "webhooks" not in page.text
            form = {"name": "  nightly <b>\x07", "tickets:read": "yes", "days": "90"}
            way = "/me/tokens/add"
            foreign = await b.client.post(way, data=form)
            assert foreign.status_code == 403
            more = form | {"webhooks": "yes"}
            made = await b.client.post(way, data=more, headers=HERE)
            (token,) = re.findall(r"sct_[\w-]{43}", made.text)
            (line,) = store.tokens.lines(me)
            assert line.scopes == ("tickets:read",)
            again = await b.client.get("/me/tokens")
            assert (token in again.text, "nightly &lt;b&gt;" in again.text) == (
                False,
                True,
            )
            keyed = {"Authorization": f"Bearer {token}"}
            api = "/v1/desk/me"
            assert (await b.client.get(api, headers=keyed)).status_code == 200
            theirs = {"token": store.tokens.lines(other)[0].mark}
            mine = {"token": line.mark}
            for one in (theirs, mine, {"token": "x"}):
                reply = await b.client.post("/me/tokens/revoke", data=one, headers=HERE)
                assert reply.status_code == 303
            assert (await b.client.get(api, headers=keyed)).status_code == 401
            assert store.tokens.lines(other)[0].revoked is None
            for changes, said in (
                ({"name": " "}, "which program it is for"),
                ({"tickets:read": ""}, "what the program may do"),
                ({"days": "9999"}, "for how long"),
            ):
                reply = await b.client.post(way, data=form | changes, headers=HERE)
                assert (reply.status_code, said in reply.text) == (422, True)
                assert "sct_" not in reply.text

    asyncio.run(go())
