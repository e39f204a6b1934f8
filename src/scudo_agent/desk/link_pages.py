"""Links that people are mailed: come in for the first time, set a password anew.

To look at a link's page uses up nothing; its button does. Whether an address is known
is answered to nobody, neither by words nor by time.
"""

from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.responses import Response

from scudo_agent.desk import auth
from scudo_agent.desk.front import Front
from scudo_agent.desk.login_pages import BUSY_S, client_of
from scudo_agent.desk.offload import offload
from scudo_agent.desk.passwords import BusyError, refusal
from scudo_agent.desk.people_notice import PATHS
from scudo_agent.desk.store.credentials import Account
from scudo_agent.desk.store.people import PeopleError, named
from scudo_agent.desk.store.people_post import Purpose
from scudo_agent.desk.visit import Doors, Look, Refusal
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
        self._store, self._wake = front.store, front.wake
        self._asked = auth.Guesses(
            ASKED, of_all=auth.PASSWORDS_OF_ALL, span_us=auth.PASSWORD_SPAN_US
        )

    async def forgot(self, look: Look) -> Response:
        """Ask for a link."""
        return self._forgot(look)

    async def ask(self, look: Look) -> Response:
        """Somebody asks; the mail goes into the outbox when he has his answer."""
        now, client = self._store.now(), client_of(look.request)
        mail = look.form.get("mail", "")[:300]
        if not self._asked.take(client, now):
            answer = self._forgot(look, mail=mail, status=429)
            answer.headers["Retry-After"] = str(self._asked.wait_s(client, now))
            return answer
        answer = self._forgot(look, sent=True)
        answer.background = BackgroundTask(self._post, mail)
        return answer

    async def look(self, look: Look) -> Response:
        """The page of a link."""
        link = await self._link(look)
        if link is None:
            return look.plain("spent_link.html", 404)
        return self._form(look, link, name=link.account.name)

    async def use(self, look: Look) -> Response:
        """Its button: set the password, and for an invitation the name."""
        link, form = await self._link(look), look.form
        if link is None:
            return look.plain("spent_link.html", 404)
        name = form.get("name", link.account.name)
        try:
            name = named(name)
            password = chosen(form, mail=link.account.mail, name=name)
            hashed = await look.front.passwords.hash(password)
        except PeopleError as exc:
            return self._form(look, link, name=name, refusal=Refusal(text=exc.text))
        except BusyError:
            busy = T("Too many people come in just now. Try again in a moment.")
            refusal = Refusal(text=busy, status=503)
            answer = self._form(look, link, name=name, refusal=refusal)
            answer.headers["Retry-After"] = str(BUSY_S)
            return answer
        given = name if link.purpose is Purpose.INVITE else None
        use = self._store.credentials.use
        if not await offload(use, link.sha256, link.purpose, hashed, name=given):
            return look.plain("spent_link.html", 404)
        return look.go("/login?done=password")

    async def _post(self, mail: str) -> None:
        if await offload(self._store.credentials.ask_reset, mail):
            self._wake()

    async def _link(self, look: Look) -> _Link | None:
        """The link of the address, if it still works."""
        purpose = _PURPOSES[look.request.url.path.split("/")[1]]
        sha256 = auth.fingerprint(look.part("token"))
        account = await offload(self._store.credentials.bearer, sha256, purpose)
        if account is None:
            return None
        return _Link(purpose=purpose, sha256=sha256, account=account)

    def _forgot(
        self, look: Look, *, mail: str = "", sent: bool = False, status: int = 200
    ) -> Response:
        content: dict[str, object] = {"mail": mail, "sent": sent, "late": status == 429}
        return look.answer("forgot.html", content, status=status)

    def _form(
        self, look: Look, link: _Link, *, name: str, refusal: Refusal | None = None
    ) -> Response:
        content: dict[str, object] = {
            "invites": link.purpose is Purpose.INVITE,
            "mail": link.account.mail,
            "name": name[:300],
        }
        return look.again("link.html", content, refusal)


def chosen(form: dict[str, str], *, mail: str, name: str) -> str:
    """The password that a form sets, typed twice; `PeopleError` says why not."""
    password = form.get("password", "")
    reason = refusal(password, mail=mail, name=name)
    if reason is not None:
        raise PeopleError(reason)
    if form.get("again", "") != password:
        raise PeopleError(T("The two passwords are not the same."))
    return password


def add_links(doors: Doors) -> None:
    """Add the pages to the application."""
    pages = LinkPages(doors.front)
    doors.open_page("/forgot", pages.forgot)
    doors.open_form("/forgot", pages.ask)
    for path in _PURPOSES:
        doors.open_page(f"/{path}/{{token}}", pages.look)
        doors.open_form(f"/{path}/{{token}}", pages.use)
