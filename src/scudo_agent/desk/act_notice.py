"""Mails about what a person did with a ticket: written by hand, in two languages.

The words that the person wrote stand in them as they are; they are data, without
control characters, escaped in HTML.
"""

from typing import Any

from scudo_agent.contract.summary_words import WORDS
from scudo_agent.desk import notice_words
from scudo_agent.desk.life import Mail
from scudo_agent.desk.notice import Rendered, Row, fill, headline, severity_label
from scudo_agent.desk.notice_words import inner
from scudo_agent.desk.store.act_post import ActErrand
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text, Value

_LINES = 40
"""So many lines of a note are in the mail; the ticket has all of it."""


def render_act(
    errand: ActErrand,
    translator: Translator,
    *,
    provider: str,
    url: str,
    replies_filed: bool = False,
) -> Rendered:
    """The mail of an act, for its reader; `url` is the ticket's page.

    `replies_filed`: a reply lands on the ticket without anyone's help.
    """
    return _Writer(errand, translator, provider).write(url, filed=replies_filed)


class _Writer:
    """One mail being written."""

    def __init__(
        self, errand: ActErrand, translator: Translator, provider: str
    ) -> None:
        self._errand = errand
        self._translator = translator
        self._provider = provider

    def write(self, url: str, *, filed: bool) -> Rendered:
        errand = self._errand
        values: dict[str, Value] = {"ref": errand.ref, "what": self._what()}
        subject, lead = _SAYS[errand.kind]
        ending = _ENDS.get(errand.kind)
        content: dict[str, Any] = {
            "lead": [self._say(text) for text in lead(values, errand)],
            "words": self._words(),
            "rows": self._rows(),
            "ending": "" if ending is None else self._say(ending(values)),
            "url": url,
            "provider": self._provider,
            "signed": self._signed(),
            "answers": errand.kind is not Mail.ANSWER,
        }
        return fill(
            self._say(subject(values | self._more())),
            content,
            self._translator,
            replies_filed=filed,
            template="act",
        )

    def _what(self) -> str:
        """What the ticket is about, as its page is headed."""
        errand = self._errand
        if errand.storm:
            return self._say(T("Many faults at once"))
        if errand.stage is None:
            return self._translator.title(errand.title, errand.ref)
        return headline(errand.stage, self._translator, site=errand.site_id)

    def _more(self) -> dict[str, Value]:
        severity = self._errand.severity
        if self._errand.kind is not Mail.CODE or severity is None:
            return {}
        label = inner(notice_words.SEVERITY[severity])
        return {"severity": severity, "label": label}

    def _words(self) -> list[str]:
        lines = [clean(x) for x in str(self._errand.data.get("words", "")).split("\n")]
        if self._errand.kind is Mail.CODE or not any(lines):
            # Why the code was set is between the provider's people.
            return []
        return lines[:_LINES] + (["…"] if len(lines) > _LINES else [])

    def _rows(self) -> list[Row]:
        errand, say = self._errand, self._say
        rows = []
        if (at := errand.data.get("estimate_us")) is not None:
            when = self._translator.instant(at, errand.zone)
            rows.append(Row(say(T("Expected back")), when))
        if errand.closes_at is not None:
            when = self._translator.instant(errand.closes_at, errand.zone)
            rows.append(Row(say(T("Closes by itself")), when))
        if errand.kind is Mail.RECEIPT:
            rows += self._receipt()
        if errand.kind is Mail.ANSWER:
            rows.append(Row(say(T("Customer")), errand.customer))
        if errand.kind is Mail.CODE and errand.severity is not None:
            label = severity_label(errand.severity, self._translator)
            rows.append(Row(say(T("Severity")), label))
        return rows

    def _receipt(self) -> list[Row]:
        """What was taken down, what holds for it, and what is missing."""
        errand, say = self._errand, self._say
        severity = say(T("set when somebody has looked at it"))
        if errand.severity is not None:
            label = severity_label(errand.severity, self._translator)
            severity = say(T("{label} (provisional)", label=label))
        rows = [
            Row(say(T("What")), self._what()),
            Row(say(T("Origin")), str(errand.data.get("origin", ""))),
            Row(say(T("Severity")), severity),
        ]
        rows += [
            Row(say(T("Commitment")), say(Text.from_json(one)))
            for one in errand.data.get("commitments", ())
        ]
        missing = [say(WORDS[one]) for one in errand.data.get("missing", ())]
        if missing:
            asked = self._translator.listing(missing)
            rows.append(Row(say(T("Please tell us")), asked))
        return rows

    def _signed(self) -> str:
        author = clean(self._errand.author)
        if self._errand.kind is Mail.ANSWER or not author:
            return self._provider
        return f"{author} · {self._provider}"

    def _say(self, text: Text) -> str:
        return self._translator.render(text, zone=self._errand.zone)


_Values = dict[str, Value]


def _estimate_lead(values: _Values, errand: ActErrand) -> tuple[Text, ...]:
    if errand.data.get("before_us") is not None:
        return (T("there is a new estimate for ticket {ref}.", ref=values["ref"]),)
    return (
        T(
            "we are looking for the cause in ticket {ref}, and can say when we expect "
            "the service to be back.",
            ref=values["ref"],
        ),
    )


def _redundant_lead(values: _Values, errand: ActErrand) -> tuple[Text, ...]:
    if errand.data.get("on"):
        return (
            T(
                "while we work on ticket {ref}, a redundant system has taken over: it "
                "stays in service until the original is back.",
                ref=values["ref"],
            ),
        )
    return (
        T(
            "the original is back, and the redundant system that had taken over for "
            "ticket {ref} is out of service again.",
            ref=values["ref"],
        ),
    )


def _redundant_subject(values: _Values) -> Text:
    return T("[{ref}] {what} – redundant system", **values)


def _resolved_lead(values: _Values, errand: ActErrand) -> tuple[Text, ...]:
    if errand.data.get("redundant"):
        return (
            T(
                "ticket {ref} is resolved: a redundant system has taken over, and "
                "stays in service.",
                ref=values["ref"],
            ),
        )
    return (T("ticket {ref} is resolved. What was done:", ref=values["ref"]),)


_SAYS: dict[Mail, Any] = {
    Mail.MESSAGE: (
        lambda v: T("[{ref}] {what} – a message for you", **v),
        lambda v, e: (
            T("we have something to tell you on ticket {ref}:", ref=v["ref"]),
        ),
    ),
    Mail.ESTIMATE: (
        lambda v: T("[{ref}] {what} – when we expect it to be back", **v),
        _estimate_lead,
    ),
    Mail.WAITING: (
        lambda v: T("[{ref}] {what} – we need something from you", **v),
        lambda v, e: (
            T(
                "to go on with ticket {ref} we need something from you. Until then our "
                "clocks stand still.",
                ref=v["ref"],
            ),
        ),
    ),
    Mail.RESOLVED: (
        lambda v: T("[{ref}] {what} – resolved", **v),
        _resolved_lead,
    ),
    Mail.REDUNDANT: (_redundant_subject, _redundant_lead),
    Mail.CLOSED: (
        lambda v: T("[{ref}] {what} – closed", **v),
        lambda v, e: (T("we have closed ticket {ref}:", ref=v["ref"]),),
    ),
    Mail.CODE: (
        lambda v: T("[{ref}] {what} – severity {severity} ({label})", **v),
        lambda v, e: (
            T(
                "we have looked at ticket {ref}: its severity is another one than the "
                "provisional one that we had told you.",
                ref=v["ref"],
            ),
        ),
    ),
    Mail.RECEIPT: (
        lambda v: T("[{ref}] {what} – we have your request", **v),
        lambda v, e: (
            T("we have your request: it is ticket {ref}.", ref=v["ref"]),
        ),
    ),
    Mail.ANSWER: (
        lambda v: T("[{ref}] {what} – the customer has written", **v),
        lambda v, e: (
            T("{who} has written on ticket {ref}:", who=clean(e.author) or e.customer,
              ref=v["ref"]),
        ),
    ),
}  # fmt: skip
"""Subject and first sentences of each."""

_ENDS: dict[Mail, Any] = {
    Mail.RESOLVED: lambda v: T("If it is not so, reply: we will look again."),
    Mail.CLOSED: lambda v: T("If it comes back, reply: we will re-open it."),
}
