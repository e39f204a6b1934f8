"""The mails to people: come in, or set your password anew."""

from scudo_agent.desk.notice import Rendered
from scudo_agent.desk.store.people_post import LIVES_US, PersonErrand, Purpose
from scudo_agent.desk.window_notice import LetterRow, fill_letter
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text, Value

PATHS = {Purpose.INVITE: "invited", Purpose.RESET: "reset"}
"""Where a link of each purpose leads."""


def render_person(
    errand: PersonErrand, translator: Translator, provider: str, *, url: str
) -> Rendered:
    """The mail in the person's language; its link holds the token."""
    invites = errand.purpose is Purpose.INVITE
    values: dict[str, Value] = {"provider": provider}
    subject = (
        T("Your way into the desk of {provider}", **values)
        if invites
        else T("Set a new password at the desk of {provider}", **values)
    )
    say = translator.render
    content = {
        "lead": [say(one) for one in (_invitation(values) if invites else _reset())],
        "rows": [
            LetterRow(say(label), value)
            for label, value in _rows(errand)
            if value.strip()
        ],
        "label": say(T("Come in") if invites else T("Set a new password")),
        "link": f"{url}/{PATHS[errand.purpose]}/{errand.token}",
        "closing": [say(one) for one in _closing(errand)],
        "provider": provider,
    }
    return fill_letter(say(subject), content, translator, template="person")


def _invitation(values: dict[str, Value]) -> tuple[Text, ...]:
    return (
        T("you can see at the desk of {provider} what happens to your tickets.",
          **values),
        T("Choose a password on this page:"),
    )  # fmt: skip


def _reset() -> tuple[Text, ...]:
    return (
        T("somebody asked to set your password at the desk anew."),
        T("If that was you, do it on this page:"),
    )


def _rows(errand: PersonErrand) -> tuple[tuple[Text, str], ...]:
    return (
        (T("Name"), clean(errand.name)),
        (T("Log in with"), errand.recipient),
        (T("Customer"), clean(errand.customer)),
    )


def _closing(errand: PersonErrand) -> tuple[Text, ...]:
    life: dict[str, Value] = {"duration": LIVES_US[errand.purpose]}
    holds = T("The link works once, within {time}.", time=life)
    if errand.purpose is Purpose.INVITE:
        return holds, T("If you do not know what this is about, do nothing.")
    return holds, T("If it was not you, do nothing: your password stays as it is.")
