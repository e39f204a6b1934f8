"""The one way into a page: who gets to a handler, and what others get instead."""

from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from scudo_agent.desk.front import COOKIE, Front
from scudo_agent.desk.rights import Right, Role
from scudo_agent.desk.visit import Doors, Look, Refusal, Visit, somebody
from scudo_agent.text import T
from support.crew import OURS, hand
from support.desk_scene import play
from support.desking import Bench

FOREIGN = {"Origin": "https://evil.example"}
Headers = dict[str, str]


async def _seen(visit: Visit) -> Response:
    return PlainTextResponse(f"{visit.person.name}: {sorted(visit.form.items())}")


async def _open(look: Look) -> Response:
    return PlainTextResponse(f"anybody: {sorted(look.form.items())}")


async def _refused(visit: Visit) -> Response:
    refusal = Refusal(text=T("There is no such day."), form=visit.form)
    content: dict[str, object] = {"views": (), "query": "", "at": None}
    return visit.again("views.html", content, refusal)


def _pages(b: Bench) -> FastAPI:
    desk, app = b.desk, FastAPI()
    front = Front(
        desk.store,
        desk.settings,
        url=lambda: desk.url,
        passwords=desk.passwords,
        wake=desk.wake_mails,
    )
    doors = Doors(app, front)
    doors.page("/seen", _seen, sees=Right.INTERNAL)
    doors.page("/own", _seen, sees=somebody)
    doors.form("/done", _seen, sees=Right.INTERNAL, does=Right.CUSTOMERS)
    doors.form("/unseen", _seen, sees=somebody)
    doors.form("/unread", _seen, reads=False)
    doors.form("/again", _refused)
    doors.open_page("/open", _open)
    doors.open_form("/open", _open)
    return app


def test_a_handler_is_reached_by_who_may_and_others_are_told_why(
    tmp_path: Path,
) -> None:
    async def scene(b: Bench) -> None:
        await b.log_in()
        linked = b.client.cookies[COOKIE]
        ada, eva = (
            hand(b, role, name).client.cookies[COOKIE]
            for role, name in ((Role.TECHNICIAN, "Ada"), (Role.MANAGER, "Eva"))
        )
        app = _pages(b)

        async def ask(way: str, session: str = "", *, headers: Headers = OURS) -> str:
            method, _, path = way.partition(" ")
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="https://desk.example",
                cookies={COOKIE: session},
            ) as client:
                sent = {"a": "b"} if method == "POST" else None
                reply = await client.request(method, path, headers=headers, data=sent)
            return reply.text if reply.is_success else str(reply.status_code)

        sent = "[('a', 'b')]"
        assert await ask("GET /seen") == "401"
        assert await ask("GET /seen", ada) == "Ada: []"
        assert await ask("GET /own", ada) == "Ada: []"
        assert await ask("GET /own", linked) == "404"
        assert await ask("POST /done") == "401"
        assert await ask("POST /done", eva) == f"Eva: {sent}"
        assert await ask("POST /done", eva, headers=FOREIGN) == "403"
        assert await ask("POST /done", ada) == "403"
        assert await ask("POST /unseen", linked, headers=FOREIGN) == "404"
        assert await ask("POST /unread", ada) == "Ada: []"
        assert await ask("POST /again", ada) == "422"
        assert await ask("GET /open") == "anybody: []"
        assert await ask("POST /open") == f"anybody: {sent}"
        assert await ask("POST /open", headers=FOREIGN) == "403"

    play(tmp_path, scene)
