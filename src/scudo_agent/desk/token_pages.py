"""The tokens that somebody's own programs come in with: made, listed, revoked."""

from collections import defaultdict
from types import MappingProxyType

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scudo_agent.desk import auth
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.forms import RefusedError, own, read_form
from scudo_agent.desk.front import Front, Reader
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tokens import NAME_LIMIT, TokenLine
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY
from scudo_agent.locale.formats import clean
from scudo_agent.text import T

_ZONE = "UTC"
_WORDS = MappingProxyType(
    {
        TokenScope.TICKETS_READ: T("Read tickets"),
        TokenScope.TICKETS_WRITE: T("Write notes and change tickets"),
        TokenScope.CUSTOMERS_READ: T("Read customers, sites and contracts"),
        TokenScope.SITES_READ: T("Read maintenance and statements"),
        TokenScope.PEOPLE_READ: T("Read who is who"),
        TokenScope.WEBHOOKS: T("Keep webhooks"),
    }
)
_NEEDS = MappingProxyType(
    {
        TokenScope.SITES_READ: Right.COMPANY,
        TokenScope.PEOPLE_READ: Right.COMPANY,
        TokenScope.WEBHOOKS: Right.PEOPLE,
    }
)
_LIVES = MappingProxyType({"30": 30 * DAY, "90": 90 * DAY, "365": 365 * DAY})
"""For how long a token may be made here; longer ones are the command line's."""


class TokenPages:
    """Handlers of the page of one's own tokens."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def tokens(self, request: Request) -> Response:
        """The page."""
        reader = await self._front.reader(request)
        if reader.person is None:
            return self._front.stranger(request, reader)
        return await self._page(request, reader, reader.person)

    async def act(self, request: Request) -> Response:
        """One of its forms: `add`, whose answer shows the token, or `revoke`."""
        reader = await self._front.reader(request)
        person = reader.person
        if person is None:
            return self._front.stranger(request, reader)
        if not own(request):
            return self._front.plain(request, reader, "missing.html", 403)
        form, act = read_form(await request.body()), request.path_params["act"]
        if person.person_id is None or act not in ("add", "revoke"):
            return self._front.missing(request, reader)
        if act == "revoke":
            await offload(self._revoke, person.person_id, form.get("token", ""))
            return RedirectResponse("/me/tokens", status_code=303)
        try:
            token = await self._made(person, person.person_id, form)
        except RefusedError as exc:
            said: dict[str, object] = {
                "refused": reader.speaks.render(exc.text),
                "typed": defaultdict(str, form),
            }
            return await self._page(request, reader, person, status=422, said=said)
        return await self._page(request, reader, person, said={"token": token})

    def _revoke(self, number: int, name: str) -> None:
        """End one's own token with that mark; a page may be older than the token."""
        tokens = self._front.store.tokens
        for one in tokens.lines(number):
            if one.mark == name and one.revoked is None:
                tokens.revoke(one.token_id, person_id=number)

    async def _made(self, person: Person, number: int, form: dict[str, str]) -> str:
        name = clean(form.get("name", "")).strip()
        scopes = [one.value for one in _choice(person) if form.get(one.value)]
        if not name or len(name) > NAME_LIMIT:
            raise RefusedError(T("Say in a few words which program it is for."))
        if not scopes:
            raise RefusedError(T("Choose what the program may do."))
        if form.get("days", "") not in _LIVES:
            raise RefusedError(T("Choose for how long."))
        token = auth.new_token()
        try:
            await offload(
                self._front.store.tokens.add,
                number,
                name,
                token_sha256=auth.fingerprint(token),
                scopes=scopes,
                life_us=_LIVES[form["days"]],
            )
        except InputError:
            raise RefusedError(T("You have too many tokens: revoke one.")) from None
        return token

    async def _page(
        self,
        request: Request,
        reader: Reader,
        person: Person,
        *,
        status: int = 200,
        said: dict[str, object] | None = None,
    ) -> Response:
        number, page = person.person_id, self._front.page(reader)
        lines: list[TokenLine] = []
        if number is not None:
            lines = await offload(self._front.store.tokens.lines, number)
        now, say = self._front.store.now(), reader.speaks.render
        content: dict[str, object] = {
            "known": number is not None,
            "scopes": [(one.value, say(_WORDS[one])) for one in _choice(person)],
            "days": list(_LIVES),
            "refused": "",
            "token": "",
            "typed": defaultdict(str),
            "tokens": [
                {
                    "line": one,
                    "until": one.expires and page.when(one.expires, _ZONE),
                    "used": one.used and page.when(one.used, _ZONE),
                    "may": [say(_WORDS[TokenScope(scope)]) for scope in one.scopes],
                }
                for one in lines
                if one.revoked is None and (one.expires is None or one.expires > now)
            ],
        }
        content |= said or {}
        return self._front.answer(
            request, reader, "tokens.html", content, status=status
        )


def _choice(person: Person) -> list[TokenScope]:
    """What this person can let a program do."""
    return [one for one in TokenScope if person.may(_NEEDS.get(one, Right.READ))]


def add_tokens(app: FastAPI, front: Front) -> None:
    """Add the page to the application."""
    pages = TokenPages(front)
    app.add_route("/me/tokens", pages.tokens, methods=["GET"])
    app.add_route("/me/tokens/{act}", pages.act, methods=["POST"])
