"""What all pages share: who reads, in which language, and how a page is answered."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page
from scudo_agent.desk.passwords import Passwords
from scudo_agent.desk.rights import Right, Role
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Person
from scudo_agent.locale import Translator, translator
from scudo_agent.text import T

COOKIE = "scudo_session"
LANGUAGE_COOKIE = "scudo_language"
"""What somebody who is not logged in wants to read."""

LANGUAGES = ("it", "en")
NUMBER = re.compile(r"[0-9]{1,6}")
"""A number in an address."""

ROLES = MappingProxyType(
    {
        Role.CUSTOMER: T("Customer"),
        Role.REFERENT: T("Referent"),
        Role.TECHNICIAN: T("Technician"),
        Role.DISPATCHER: T("Dispatcher"),
        Role.MANAGER: T("Manager"),
        Role.ADMIN: T("Administrator"),
    }
)
"""How a role is called."""

_LOOKS_AFTER = (Right.PEOPLE, Right.CUSTOMERS, Right.COLLEAGUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads: a person with a session, or nobody known."""

    person: Person | None
    session: str
    language: str

    @property
    def speaks(self) -> Translator:
        """The reader's language."""
        return translator(self.language)

    @property
    def zone(self) -> str | None:
        """The time zone that the reader chose; None: each site's own."""
        return None if self.person is None else self.person.timezone


class Front:
    """Recognises readers and answers them; what it is made of is the desk's.

    `wake` is called when there may be mails to send.
    """

    def __init__(
        self,
        store: DeskStore,
        settings: DeskSettings,
        *,
        url: Callable[[], str],
        passwords: Passwords,
        wake: Callable[[], None],
    ) -> None:
        self.store = store
        self.settings = settings
        self.url = url
        self.passwords = passwords
        self.wake = wake

    async def reader(self, request: Request) -> Reader:
        """Who asks; without a session it is nobody known, and nothing is shown."""
        session = request.cookies.get(COOKIE, "")
        person = None
        if session:
            person = await offload(
                self.store.sessions.by_session, auth.fingerprint(session)
            )
        language = person.language if person is not None else None
        return Reader(
            person=person,
            session=session,
            language=language or _wished(request) or self.settings.provider.language,
        )

    def page(self, reader: Reader) -> Page:
        """What puts things into the reader's words, now."""
        zone = reader.zone
        return Page(reader.speaks, self.store.now(), zone=zone)

    def zone(self, reader: Reader) -> str:
        """Whose clock tells times of no site: the reader's, else the provider's."""
        return reader.zone or self.settings.provider.timezone

    def stranger(self, request: Request, reader: Reader) -> Response:
        """Nobody known: how to get in, and nothing else (401)."""
        back = request.url.path if request.method in ("GET", "HEAD") else "/"
        if request.url.query and back != "/":
            back += f"?{request.url.query}"
        return self.login(request, reader, back=back, status=401)

    def login(
        self,
        request: Request,
        reader: Reader,
        *,
        back: str = "/",
        status: int = 200,
        **said: str,
    ) -> Response:
        """The form to get in with; `said`: `mail` typed, why `refused`, or a `word`."""
        content: dict[str, object] = {"mail": "", "refused": "", "word": ""}
        content |= {"back": safe(back), **said}
        return self.answer(request, reader, "login.html", content, status=status)

    def let_in(self, session: str, back: str) -> Response:
        """Begin to be known: go to `back` with the session's cookie."""
        answer = RedirectResponse(safe(back), status_code=303)
        self.put_cookie(
            answer, COOKIE, session, life_s=auth.SESSION_LIFE_US // 1_000_000
        )
        return answer

    def put_cookie(
        self, answer: Response, name: str, value: str, *, life_s: int | None = None
    ) -> None:
        """A cookie that no script reads; without `life_s` until the browser ends."""
        answer.set_cookie(
            name,
            value,
            max_age=life_s,
            secure=self.url().startswith("https:"),
            httponly=True,
            samesite="lax",
        )

    def missing(self, request: Request, reader: Reader) -> Response:
        """Not there, or not for this reader: both look the same (404)."""
        return self.plain(request, reader, "missing.html", 404)

    def plain(
        self, request: Request, reader: Reader, name: str, status: int
    ) -> Response:
        """A page that says one thing."""
        return self.answer(request, reader, name, {}, status=status)

    def answer(
        self,
        request: Request,
        reader: Reader,
        name: str,
        content: dict[str, object],
        *,
        status: int = 200,
        zone: str | None = None,
    ) -> Response:
        """The template `name` filled with `content`.

        Times are those of the reader's zone, else of `zone`, else of the provider's.
        """
        html = self.page(reader).render(
            name,
            reader.zone or zone or self.zone(reader),
            person=reader.person,
            role="" if reader.person is None else self._role(reader, reader.person),
            sees=_sees(reader.person),
            languages=LANGUAGES,
            provider=self.settings.provider.name,
            mails_come=self.settings.mail.incoming is not None,
            path=request.url.path,
            **content,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def _role(self, reader: Reader, person: Person) -> str:
        return reader.speaks.render(ROLES[person.role])


def safe(back: str) -> str:
    """Only a path of our own: nobody is sent elsewhere by a link to us."""
    own = back.startswith("/") and not back.startswith(("//", "/\\"))
    return back if own and back.isprintable() else "/"


def _sees(person: Person | None) -> dict[str, bool]:
    """Which pages there are for somebody."""
    if person is None:
        return {}
    return {
        "new": person.staff and person.may(Right.WORK),
        "request": not person.staff and person.may(Right.REQUEST),
        "overview": not person.staff and person.may(Right.COMPANY),
        "company": person.may(Right.COMPANY),
        "customers": person.may(Right.INTERNAL),
        "mails": person.may(Right.DISPATCH),
        "on_call": person.may(Right.INTERNAL),
        "people": any(person.may(one) for one in _LOOKS_AFTER),
    }


def page_number(request: Request) -> int:
    """Which page of a list is asked for; the first where that says nothing."""
    given = request.query_params.get("page", "")
    return min(max(int(given), 1), 10**6) if NUMBER.fullmatch(given) else 1


def _wished(request: Request) -> str | None:
    """The language that was chosen, else the first of the browser's that we have."""
    if (chosen := request.cookies.get(LANGUAGE_COOKIE)) in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return None
