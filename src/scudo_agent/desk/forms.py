"""What the forms of a ticket's page ask for, checked before anything is done."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from scudo_agent.desk.store.acts import WORDS_LIMIT, ActError, Acts
from scudo_agent.desk.store.scope import Person, Scope
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text

_FIELDS = 10


class RefusedError(Exception):
    """What was asked cannot be done; `text` says why, to who asked."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.id)
        self.text = text


class Forms:
    """Does what a form asks for, in the name of who sent it."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts

    def do(
        self,
        act: str,
        person: Person,
        scope: Scope,
        ref: str,
        form: Mapping[str, str],
    ) -> bool:
        """Do `act`; False if there is no such ticket or act, else `RefusedError`."""
        if act not in ("close", "severity", "note"):
            return False
        words = _words(form)
        try:
            if act == "close":
                return self._acts.close(scope, ref, actor=person.actor, reason=words)
            if act == "note":
                return self._acts.remark(scope, ref, actor=person.actor, words=words)
            code = form.get("severity", "")
            if code not in ("1", "2", "3"):
                raise RefusedError(T("The severity is 1, 2 or 3."))
            return self._acts.set_severity(
                scope, ref, int(code), actor=person.actor, reason=words
            )
        except ActError:
            raise RefusedError(_ALREADY[act]) from None


_ALREADY = {
    "close": T("The ticket is closed already."),
    "severity": T("The ticket has this severity already."),
}


def _words(form: Mapping[str, str]) -> str:
    """The reason or the note: some words, and not a book."""
    words = clean(form.get("words", "")).strip()
    if not words:
        raise RefusedError(T("Say why in a few words."))
    if len(words) > WORDS_LIMIT:
        raise RefusedError(T("That is too long: {n} signs at most.", n=WORDS_LIMIT))
    return words


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form as browsers send it; the last of equal names counts."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def own(request: Request) -> bool:
    """Whether a form was sent from our own page (no other site's)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")
