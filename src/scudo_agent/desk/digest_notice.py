"""Mails that gather: many things at once, or one thing again and again.

They say how many and how it stands now; the first few by name, the rest on the
ticket's page.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scudo_agent.desk import notice_words as words
from scudo_agent.desk.notice import Rendered, Row, fill, short
from scudo_agent.desk.store.digests import FlapNews, Part, StormNews
from scudo_agent.locale import Translator
from scudo_agent.text import TN, T, Text, Value
from scudo_agent.wire import Named

_NAME = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """All that such a mail needs; `name` is the thing of an unstable ticket."""

    ref: str
    news: StormNews | FlapNews
    name: Named
    ticket_url: str
    provider: str
    replies_filed: bool = False


def render_digest(digest: Digest, translator: Translator, zone: str) -> Rendered:
    """The mail for a reader of that language in that time zone."""
    storm = isinstance(digest.news, StormNews)
    writer = _Storm(digest, translator, zone) if storm else None
    return (writer or _Flap(digest, translator, zone)).write()


class _Writer:
    """What both have in common."""

    def __init__(self, digest: Digest, translator: Translator, zone: str) -> None:
        self.digest, self.translator, self.zone = digest, translator, zone
        self.ref = digest.ref

    def write(self) -> Rendered:
        """Subject, text part and HTML part."""
        content = {
            "lead": [self.say(text) for text in self.lead()],
            "rows": list(self.rows()),
            "ending": "",
            "url": self.digest.ticket_url,
            "provider": self.digest.provider,
        }
        filed = self.digest.replies_filed
        subject = self.say(self.subject())
        return fill(subject, content, self.translator, replies_filed=filed)

    def subject(self) -> Text:
        """The subject line."""
        raise AssertionError

    def lead(self) -> Iterator[Text]:
        """The first sentences."""
        raise AssertionError

    def rows(self) -> Iterator[Row]:
        """The table."""
        raise AssertionError

    def say(self, text: Text) -> str:
        """In the reader's language."""
        return self.translator.render(text, zone=self.zone)

    def when(self, at: int) -> Value:
        """An instant of a sentence."""
        return {"instant": at}

    def severity(self, severity: int | None, rule: str | None) -> Iterator[Row]:
        """Code, label and why."""
        if severity is None:
            return
        label = f"{severity} – {self.say(words.SEVERITY[severity])}"
        if rule in words.RULES:
            why = words.inner(words.RULES[rule])
            label = self.say(T("{severity} (rule {rule})", severity=why, rule=rule))
        yield Row(self.say(T("Severity")), label)


class _Storm(_Writer):
    """Many at once."""

    @property
    def news(self) -> StormNews:
        """What is told."""
        assert isinstance(self.digest.news, StormNews)
        return self.digest.news

    def subject(self) -> Text:
        """How many, how many of them go on, and how bad it is."""
        one = self.news
        if not one.bad:
            return TN(
                "[{ref}] Over: one fault",
                "[{ref}] Over: {n} faults at about the same time",
                n=one.total,
                ref=self.ref,
            )
        if one.severity is None:
            return T(
                "[{ref}] Many faults at once: {total}, {bad} going on",
                ref=self.ref,
                total=one.total,
                bad=one.bad,
            )
        return T(
            "[{ref}] Many faults at once: {total}, {bad} going on "
            "– severity {severity} ({label})",
            ref=self.ref,
            total=one.total,
            bad=one.bad,
            severity=one.severity,
            label=words.inner(words.SEVERITY[one.severity]),
        )

    def lead(self) -> Iterator[Text]:
        """What the ticket is, and what is new."""
        one, ref = self.news, self.ref
        if not one.bad:
            yield T("everything that ticket {ref} is about is over.", ref=ref)
        elif one.again:
            yield T("here is how ticket {ref} stands now.", ref=ref)
        else:
            yield T(
                "many things failed at about the same time, so we keep them together "
                "in ticket {ref}: its page names each with its own start and end.",
                ref=ref,
            )
        if one.moved_count:
            yield TN(
                "What has been blocked for a quarter of an hour goes on in a ticket "
                "of its own.",
                "What has been blocked for a quarter of an hour goes on in {n} tickets "
                "of its own.",
                n=one.moved_count,
            )

    def rows(self) -> Iterator[Row]:
        """What, how many, since when, how bad."""
        one, say = self.news, self.say
        if one.parts:
            more = (one.bad or one.total - one.moved_count) - len(one.parts)
            yield Row(say(T("What")), self.names(one.parts, more))
        if one.moved:
            more = one.moved_count - len(one.moved)
            yield Row(say(T("Own tickets")), self.names(one.moved, more))
        yield Row(say(T("Going on")), self.count(one.bad))
        over = one.total - one.bad - one.unmeasured - one.moved_count
        if over:
            yield Row(say(T("Over")), self.count(over))
        if one.unmeasured:
            yield Row(say(T("Not measured")), self.count(one.unmeasured))
        instant = self.translator.instant
        if one.until is None:
            yield Row(say(T("Since")), instant(one.since, self.zone))
        else:
            yield Row(say(T("From")), instant(one.since, self.zone))
            yield Row(say(T("Until")), instant(one.until, self.zone))
        if not one.again and one.bad:
            yield Row(say(T("Origin")), say(words.NOTICED))
        if one.bad:
            yield from self.severity(one.severity, one.rule)

    def names(self, parts: tuple[Part, ...], more: int) -> str:
        """The first few by name."""
        names = [
            short(self.translator.title(part.name.title, part.name.id), _NAME)
            + (f" ({part.ref})" if part.ref else "")
            for part in parts
        ]
        if more > 0:
            names.append(self.say(TN("one more", "{n} more", n=more)))
        return self.translator.listing(names)

    def count(self, number: int) -> str:
        """A number as the reader writes it."""
        total = self.news.total
        return self.say(T("{n} of {total}", n=number, total=total))


class _Flap(_Writer):
    """One thing again and again."""

    @property
    def news(self) -> FlapNews:
        """What is told."""
        assert isinstance(self.digest.news, FlapNews)
        return self.digest.news

    def subject(self) -> Text:
        """How often, and how it is now."""
        one, ref, name = self.news, self.ref, self.name()
        if not one.relapses:
            if one.bad:
                return T("[{ref}] {subject}: news of today", ref=ref, subject=name)
            return T("[{ref}] {subject} up again", ref=ref, subject=name)
        if one.bad:
            return TN(
                "[{ref}] {subject} unstable: re-opened once more, down now",
                "[{ref}] {subject} unstable: re-opened {n} times more, down now",
                n=one.relapses,
                ref=ref,
                subject=name,
            )
        return TN(
            "[{ref}] {subject} unstable: re-opened once more, up now",
            "[{ref}] {subject} unstable: re-opened {n} times more, up now",
            n=one.relapses,
            ref=ref,
            subject=name,
        )

    def lead(self) -> Iterator[Text]:
        """Why there is one mail for many stages."""
        one = self.news
        if one.unstable or one.relapses:
            yield T(
                "{subject} keeps failing and coming back. So as not to write to you "
                "each time, we sum up what happened in ticket {ref}.",
                subject=self.name(),
                ref=self.ref,
            )
        else:
            yield T(
                "a ticket is told of six times a day at most; "
                "this is what was left to tell of ticket {ref}.",
                ref=self.ref,
            )

    def rows(self) -> Iterator[Row]:
        """How it is now, how often it relapsed, how bad it is."""
        one, say = self.news, self.say
        if one.bad:
            yield Row(say(T("Now")), say(T("it is not up")))
        elif one.ended is not None:
            up = T("up again since {since}", since=self.when(one.ended))
            yield Row(say(T("Now")), say(up))
        else:
            yield Row(say(T("Now")), say(T("not measured")))
        told_from = self.when(one.told_from)
        again = TN(
            "once since {since}, {total} in all",
            "{n} times since {since}, {total} in all",
            n=one.relapses,
            since=told_from,
            total=one.in_all,
        )
        if one.relapses:
            yield Row(say(T("Re-opened")), say(again))
        yield from self.severity(one.severity, one.rule)

    def name(self) -> str:
        """What it is about."""
        name = self.digest.name
        return short(self.translator.title(name.title, name.id), _NAME)
