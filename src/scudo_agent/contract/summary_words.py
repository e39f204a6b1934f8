"""A contract's words in the reader's language: days, hours, kinds, lists."""

from collections.abc import Iterable, Mapping, Sequence

from scudo_agent.contract.hours import span_text
from scudo_agent.contract.model import (
    Contract,
    DayRule,
    Span,
    Unit,
    Until,
    Weekly,
    When,
)
from scudo_agent.text import TN, T, Text, Value

DAYS = (
    T("Monday"),
    T("Tuesday"),
    T("Wednesday"),
    T("Thursday"),
    T("Friday"),
    T("Saturday"),
    T("Sunday"),
)
WORDS: Mapping[str, Text] = {
    "phone": T("telephone"),
    "voicemail": T("voicemail"),
    "weekend_number": T("the week-end number"),
    "mail": T("mail"),
    "portal": T("the portal"),
    "web_form": T("a web form"),
    "whatsapp": T("WhatsApp"),
    "software": T("the software itself"),
    "remote": T("remote control"),
    "on_site": T("on site"),
    "workshop": T("in the workshop"),
    "vendor": T("by the vendor"),
    "detected_at": T("date and time of detection"),
    "url": T("the URL if it is a web application"),
    "description": T("a description with what is needed to reproduce it"),
    "screenshot": T("a screenshot if it is a web application"),
    "software_version": T("the version of the software"),
    "conformity": T("that hardware and system conform to the guidelines"),
    "backup": T("that a backup was made"),
    "report": T("an intervention report with credits used and left"),
    "summary": T("a summary"),
    "feedback": T("a quick feedback form"),
    "quality_call": T("a telephone call about quality, by random sample"),
    "monitoring": T("monitoring"),
    "maintenance": T("maintenance"),
    "parts": T("parts"),
    "replacement": T("replacement of devices"),
    "redundant_system": T("a redundant system until the original is back"),
    "repair": T("repair"),
    "restore": T("restoring the operating system or software"),
    "transport": T("transport"),
    "purchased": T("purchased systems"),
    "rented": T("rented systems"),
    "takeover": T("systems taken over after a technical assessment"),
}


def value(text: Text) -> Value:
    """A sentence as a value of another one."""
    return {"text": text.to_json()}


def plain(words: str) -> Text:
    """Words that are the same in every language: hours, names, ids."""
    return T("{words}", words=words)


def listed(texts: Iterable[Text]) -> Text:
    """`a, b and c`."""
    return T("{words}", words={"list": [text.to_json() for text in texts]})


def day(rule: DayRule) -> Text:
    """`25 April`, `Easter Monday`."""
    if rule.easter is None:
        return T("{words}", words={"date": rule.text})
    if rule.easter == 0:
        return T("Easter Sunday")
    return T("Easter Monday") if rule.easter == 1 else plain(rule.text)


def words(names: Sequence[str]) -> Text:
    """Words of the contract file, as people say them."""
    return listed(WORDS[name] for name in names)


def spans(of: Iterable[Span]) -> str:
    """`09:00-13:00, 14:30-18:30`."""
    return ", ".join(map(span_text, of))


def week(weekly: Weekly) -> list[Text]:
    """A line for each run of days with the same hours; none for a week without."""
    lines = []
    first = 0
    while first < len(weekly):
        last = first
        while last + 1 < len(weekly) and weekly[last + 1] == weekly[first]:
            last += 1
        if weekly[first]:
            hours = spans(weekly[first])
            lines.append(T("{days}: {hours}", days=_days(first, last), hours=hours))
        first = last + 1
    return lines


def _days(first: int, last: int) -> Value:
    if first == last:
        return value(DAYS[first])
    ends = {"first": value(DAYS[first]), "last": value(DAYS[last])}
    if last == first + 1:
        return value(T("{first} and {last}", **ends))
    return value(T("{first} to {last}", **ends))


def when(of: When, contract: Contract) -> Text | None:
    """Which tickets are meant; None: all."""
    parts = []
    if of.severity is not None:
        codes = ", ".join(map(str, sorted(of.severity)))
        parts.append(T("severity {codes}", codes=codes))
    if of.category is not None:
        names = [category_title(contract, name) for name in sorted(of.category)]
        either: Value = {"any": [name.to_json() for name in names]}
        parts.append(T("category {names}", names=either))
    if of.origin is not None:
        origins = ", ".join(sorted(of.origin))
        parts.append(T("origin {origins}", origins=origins))
    if of.card:
        parts.append(T("with a card"))
    return listed(parts) if parts else None


def category_title(contract: Contract, name: str) -> Text:
    """A category as its contract calls it; its id where it has no list."""
    category = contract.requests.category(name)
    if category is None:
        return plain(name)
    return T("{words}", words={"title": dict(category.title)})


def clock(until: Until, unit: Unit, n: int) -> Text:
    """`taken in charge within 4 working hours`."""
    if unit is Unit.HOURS:
        span = value(TN("{n} working hour", "{n} working hours", n=n))
    else:
        span = value(TN("{n} working day", "{n} working days", n=n))
    match until:
        case Until.TAKEN:
            return T("taken in charge within {span}", span=span)
        case Until.ANSWERED:
            return T("answered within {span}", span=span)
        case Until.PROCESSED:
            return T("processed within {span}", span=span)
        case Until.RESOLVED:
            return T("resolved within {span}", span=span)
