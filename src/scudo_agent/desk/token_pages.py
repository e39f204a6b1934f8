"""The tokens that somebody's own programs come in with: made, listed, revoked."""

from types import MappingProxyType

from starlette.responses import Response

from scudo_agent.desk import auth
from scudo_agent.desk.api_v1.scopes import TokenScope
from scudo_agent.desk.forms import RefusedError
from scudo_agent.desk.offload import offload
from scudo_agent.desk.rights import Right
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.people import Reach
from scudo_agent.desk.store.scope import Person
from scudo_agent.desk.store.tokens import NAME_LIMIT, TokenLine
from scudo_agent.desk.visit import Doors, Refusal, Visit
from scudo_agent.errors import InputError
from scudo_agent.instant import DAY
from scudo_agent.locale.formats import clean
from scudo_agent.text import T

_WORDS = MappingProxyType(
    {
        TokenScope.TICKETS_READ: T("Read tickets"),
        TokenScope.TICKETS_WRITE: T("Write notes and change tickets"),
        TokenScope.CUSTOMERS_READ: T("Read customers, sites and contracts"),
        TokenScope.SITES_READ: T("Read maintenance and statements"),
        TokenScope.PEOPLE_READ: T("Read who is who"),
        TokenScope.CUSTOMERS_WRITE: T("Change customers, sites and contracts"),
        TokenScope.WINDOWS_WRITE: T("Announce and cancel maintenance"),
        TokenScope.PEOPLE_WRITE: T("Invite people and lock them out"),
        TokenScope.WEBHOOKS: T("Keep webhooks"),
    }
)
_NEEDS = MappingProxyType(
    {
        TokenScope.SITES_READ: Right.COMPANY,
        TokenScope.PEOPLE_READ: Right.COMPANY,
        TokenScope.CUSTOMERS_WRITE: Right.CUSTOMERS,
        TokenScope.WINDOWS_WRITE: Right.DISPATCH,
        TokenScope.WEBHOOKS: Right.PEOPLE,
    }
)
_LIVES = MappingProxyType({"30": 30 * DAY, "90": 90 * DAY, "365": 365 * DAY})
"""For how long a token may be made here; longer ones are the command line's."""


class TokenPages:
    """Handlers of the page of one's own tokens."""

    def __init__(self, store: DeskStore) -> None:
        self._store = store

    async def tokens(self, visit: Visit) -> Response:
        """The page."""
        return await self._page(visit)

    async def act(self, visit: Visit) -> Response:
        """One of its forms: `add`, whose answer shows the token, or `revoke`."""
        form, act, number = visit.form, visit.part("act"), visit.person.person_id
        if number is None or act not in ("add", "revoke"):
            return visit.missing()
        if act == "revoke":
            await offload(self._revoke, number, form.get("token", ""))
            return visit.go("/me/tokens")
        try:
            token = await self._made(visit.person, number, form)
        except RefusedError as exc:
            return await self._page(visit, Refusal(text=exc.text, form=form))
        return await self._page(visit, token=token)

    def _revoke(self, number: int, name: str) -> None:
        """End one's own token with that mark; a page may be older than the token."""
        tokens = self._store.tokens
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
                self._store.tokens.add,
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
        self, visit: Visit, refusal: Refusal | None = None, *, token: str = ""
    ) -> Response:
        number, page, say = visit.person.person_id, visit.page, visit.say
        lines: list[TokenLine] = []
        if number is not None:
            lines = await offload(self._store.tokens.lines, number)
        now = self._store.now()
        content: dict[str, object] = {
            "known": number is not None,
            "scopes": [(one.value, say(_WORDS[one])) for one in _choice(visit.person)],
            "days": list(_LIVES),
            "token": token,
            "tokens": [
                {
                    "line": one,
                    "until": one.expires and page.when(one.expires, visit.zone),
                    "used": one.used and page.when(one.used, visit.zone),
                    "may": [say(_WORDS[TokenScope(scope)]) for scope in one.scopes],
                }
                for one in lines
                if one.revoked is None and (one.expires is None or one.expires > now)
            ],
        }
        return visit.again("tokens.html", content, refusal)


def _choice(person: Person) -> list[TokenScope]:
    """What this person can let a program do."""
    found = [one for one in TokenScope if person.may(_NEEDS.get(one, Right.READ))]
    if Reach.of(person) is None:
        found.remove(TokenScope.PEOPLE_WRITE)
    return found


def add_tokens(doors: Doors) -> None:
    """Add the page to the application."""
    pages = TokenPages(doors.front.store)
    doors.page("/me/tokens", pages.tokens)
    doors.form("/me/tokens/{act}", pages.act)
