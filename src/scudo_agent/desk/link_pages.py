"""Links that people are mailed: come in for the first time, set a password anew.

To look at a link's page uses up nothing; its button does. Whether an address is known
is answered to nobody, neither by words nor by time.
"""

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.forms import own, read_form
from scudo_agent.desk.front import Front, Reader
from scudo_agent.desk.login_pages import BUSY_S, client_of
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import BusyError, refusal
from scudo_agent.desk.people_notice import PATHS
from scudo_agent.desk.store.credentials import Account
from scudo_agent.desk.store.people import PeopleError, named
from scudo_agent.desk.store.people_post import Purpose
from scudo_agent.text import T

ASKED = 10
"""From one address nobody asks for more links within `auth.PASSWORD_SPAN_US`."""

_PURPOSES = {path: purpose for purpose, path in PATHS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A link that works, and whose it is."""

    purpose: Purpose
    sha256: str
    account: Account


class LinkPages:
    """Handlers of asking for a link, and of links."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._asked = auth.Guesses(
            ASKED, of_all=auth.PASSWORDS_OF_ALL, span_us=auth.PASSWORD_SPAN_US
        )

    async def forgot(self, request: Request) -> Response:
        """Ask for a link."""
        reader = await self._front.reader(request)
        return self._forgot(request, reader)

    async def ask(self, request: Request) -> Response:
        """Somebody asks; the mail goes into the outbox when he has his answer."""
        reader = await self._front.reader(request)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        now, client = self._front.store.now(), client_of(request)
        mail = read_form(await request.body()).get("mail", "")[:300]
        if not self._asked.take(client, now):
            answer = self._forgot(request, reader, mail=mail, status=429)
            wait_s = self._asked.wait_s(client, now)
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        answer = self._forgot(request, reader, sent=True)
        answer.background = BackgroundTask(self._post, mail)
        return answer

    async def look(self, request: Request) -> Response:
        """The page of a link."""
        reader = await self._front.reader(request)
        link = await self._link(request)
        if link is None:
            return self._front.plain(request, reader, "spent_link.html", 404)
        return self._form(request, reader, link, name=link.account.name)

    async def use(self, request: Request) -> Response:
        """Its button: set the password, and for an invitation the name."""
        reader = await self._front.reader(request)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        link = await self._link(request)
        if link is None:
            return self._front.plain(request, reader, "spent_link.html", 404)
        form = read_form(await request.body())
        name = form.get("name", link.account.name)
        try:
            name = named(name)
            password = chosen(form, mail=link.account.mail, name=name)
            hashed = await self._front.passwords.hash(password)
        except PeopleError as exc:
            said = {"name": name[:300], "refused": reader.speaks.render(exc.text)}
            return self._form(request, reader, link, status=422, **said)
        except BusyError:
            busy = T("Too many people come in just now. Try again in a moment.")
            said = {"name": name, "refused": reader.speaks.render(busy)}
            answer = self._form(request, reader, link, status=503, **said)
            answer.headers["Retry-After"] = str(BUSY_S)
            return answer
        given = name if link.purpose is Purpose.INVITE else None
        use = self._front.store.credentials.use
        if not await offload(use, link.sha256, link.purpose, hashed, name=given):
            return self._front.plain(request, reader, "spent_link.html", 404)
        return RedirectResponse("/login?done=password", status_code=303)

    async def _post(self, mail: str) -> None:
        if await offload(self._front.store.credentials.ask_reset, mail):
            self._front.wake()

    async def _link(self, request: Request) -> _Link | None:
        """The link of the address, if it still works."""
        purpose = _PURPOSES[request.url.path.split("/")[1]]
        sha256 = auth.fingerprint(request.path_params["token"])
        bearer = self._front.store.credentials.bearer
        account = await offload(bearer, sha256, purpose)
        if account is None:
            return None
        return _Link(purpose=purpose, sha256=sha256, account=account)

    def _forgot(
        self,
        request: Request,
        reader: Reader,
        *,
        mail: str = "",
        sent: bool = False,
        status: int = 200,
    ) -> Response:
        content: dict[str, object] = {"mail": mail, "sent": sent, "late": status == 429}
        return self._front.answer(
            request, reader, "forgot.html", content, status=status
        )

    def _form(
        self,
        request: Request,
        reader: Reader,
        link: _Link,
        *,
        name: str,
        refused: str = "",
        status: int = 200,
    ) -> Response:
        content: dict[str, object] = {
            "invites": link.purpose is Purpose.INVITE,
            "mail": link.account.mail,
            "name": name,
            "refused": refused,
        }
        return self._front.answer(request, reader, "link.html", content, status=status)


def chosen(form: dict[str, str], *, mail: str, name: str) -> str:
    """The password that a form sets, typed twice; `PeopleError` says why not."""
    password = form.get("password", "")
    reason = refusal(password, mail=mail, name=name)
    if reason is not None:
        raise PeopleError(reason)
    if form.get("again", "") != password:
        raise PeopleError(T("The two passwords are not the same."))
    return password


def add_links(app: FastAPI, front: Front) -> None:
    """Add the pages to the application."""
    pages = LinkPages(front)
    app.add_route("/forgot", pages.forgot, methods=["GET"])
    app.add_route("/forgot", pages.ask, methods=["POST"])
    for path in _PURPOSES:
        app.add_route(f"/{path}/{{token}}", pages.look, methods=["GET"])
        app.add_route(f"/{path}/{{token}}", pages.use, methods=["POST"])
