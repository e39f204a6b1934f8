"""The mail that calls somebody about a ticket that nobody takes."""

from scudo_agent.desk.notice import Rendered, headline, severity_label
from scudo_agent.desk.store.call_post import CallErrand
from scudo_agent.desk.store.views import TicketLine
from scudo_agent.desk.window_notice import LetterRow, fill_letter
from scudo_agent.locale import Translator
from scudo_agent.locale.formats import clean
from scudo_agent.text import T, Text, Value

PATH = "/called/{ref}/{token}"
"""Where a link leads."""


def about(line: TicketLine, translator: Translator) -> str:
    """What the ticket is about, as its page is headed."""
    if line.storm:
        return translator.render(T("Many faults at once"))
    if line.stage is None:
        return translator.title(line.title, line.ref)
    return headline(line.stage, translator, site=line.site_id)


def render_call(
    errand: CallErrand, translator: Translator, provider: str, *, url: str
) -> Rendered:
    """The mail in the person's language; its link holds the token."""
    line = errand.line

    def say(text: Text) -> str:
        return translator.render(text, zone=line.zone)

    what = about(line, translator)
    values: dict[str, Value] = {"ref": line.ref, "what": what, "n": errand.step}
    subject = (
        T("[{ref}] {what} – nobody has taken it", **values)
        if errand.step == 1
        else T("[{ref}] {what} – nobody has taken it (call {n})", **values)
    )
    rows = [
        LetterRow(say(T("What")), what),
        LetterRow(say(T("Customer")), clean(f"{line.customer} · {line.site_id}")),
        LetterRow(say(T("Since")), translator.instant(line.since, line.zone)),
    ]
    if line.severity is not None:
        label = severity_label(line.severity, translator)
        rows.insert(1, LetterRow(say(T("Severity")), label))
    if errand.name:
        rows.append(LetterRow(say(T("On call")), clean(errand.name)))
    path = PATH.format(ref=line.ref, token=errand.token)
    fault = [say(T("a call by another channel failed: {error}.", error=errand.fault))]
    content = {
        "lead": (fault if errand.fault else [])
        + [
            say(T("nobody has taken ticket {ref} yet.", ref=line.ref)),
            say(T("Say on this page that you know, and nobody else is called:")),
        ],
        "rows": rows,
        "label": say(T("I know")),
        "link": f"{url}{path}",
        "closing": [
            say(
                T(
                    "This does not take the ticket in charge: its clocks go on until "
                    "somebody takes it."
                )
            ),
            say(T("The link works for a day, for this ticket only.")),
        ],
        "provider": provider,
    }
    return fill_letter(say(subject), content, translator, template="person")


def short_call(
    line: TicketLine, translator: Translator, *, url: str, token: str
) -> tuple[str, str]:
    """Title and text of a call by a channel other than mail."""
    values: dict[str, Value] = {"ref": line.ref, "what": about(line, translator)}
    title = translator.render(T("[{ref}] {what} – nobody has taken it", **values))
    label = "" if line.severity is None else severity_label(line.severity, translator)
    first = " · ".join(one for one in (label, line.customer, line.site_id) if one)
    asks = translator.render(
        T("Say on this page that you know, and nobody else is called:")
    )
    link = f"{url}{PATH.format(ref=line.ref, token=token)}"
    return title, f"{clean(first)}\n{asks}\n{link}"
