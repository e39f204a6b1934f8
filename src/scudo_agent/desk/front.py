"""What all pages share: who reads, in which language, and how a page is answered."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.offload import offload
from scudo_agent.desk.pages import Page
from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.scope import Person
from scudo_agent.locale import Translator, translator

COOKIE = "scudo_session"
LANGUAGES = ("it", "en")
_ZONE = "UTC"
NUMBER = re.compile(r"[0-9]{1,6}")
"""A number in an address."""


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


class Front:
    """Recognises readers and answers them; `store` and `settings` are the desk's.

    `wake` is called after a commit that may have put a mail into the outbox.
    """

    def __init__(
        self,
        store: DeskStore,
        settings: DeskSettings,
        url: Callable[[], str],
        *,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.url = url
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
        return Page(reader.speaks, self.store.now())

    def stranger(self, request: Request, reader: Reader) -> Response:
        """Nobody known: how to get in, and nothing else (401)."""
        return self.plain(request, reader, "login.html", 401)

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
        zone: str = _ZONE,
    ) -> Response:
        """The template `name` filled with `content`; times are those of `zone`."""
        html = self.page(reader).render(
            name,
            zone,
            person=reader.person,
            languages=LANGUAGES,
            provider=self.settings.provider.name,
            path=request.url.path,
            **content,
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


def page_number(request: Request) -> int:
    """Which page of a list is asked for; the first where that says nothing."""
    given = request.query_params.get("page", "")
    return min(max(int(given), 1), 10**6) if NUMBER.fullmatch(given) else 1


def _wished(request: Request) -> str | None:
    """The first language of the browser that we have."""
    for part in request.headers.get("accept-language", "").split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return language
    return None
