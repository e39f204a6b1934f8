"""A ticket's history in words: for pages, API and terminal."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from scudo_agent.desk import notice_words as words
from scudo_agent.desk.call_words import called_words
from scudo_agent.desk.life import (
    CALL_ENTRIES,
    MAIL_BACK,
    MAIL_LATE,
    MAIL_NOTED,
    REMARK,
    TRIAGED,
)
from scudo_agent.desk.life_words import done_words
from scudo_agent.desk.store.attachments import SCREENSHOT, Attachment
from scudo_agent.desk.store.entries import Entry
from scudo_agent.desk.store.views import TicketView
from scudo_agent.instant import Instant, parse_instant
from scudo_agent.locale import Translator
from scudo_agent.model import Kind
from scudo_agent.text import T, Text
from scudo_agent.wire import Outage, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a timeline: when, what, more of it, and who did it.

    `tone` is `bad`, `good` or `plain`; `name` is the actor's, as people know it, where
    it is a person. `readers` is `internal` or `customer` for what a person wrote.
    `mark` is that of its entry. What came by mail has the mail's number (`mail`, else
    0), and what was folded away of it: `quoted` and `signature`.
    """

    at: Instant
    kind: str
    text: str
    detail: str = ""
    actor: str
    tone: str = "plain"
    name: str = ""
    readers: str = ""
    mark: str = ""
    mail: int = 0
    quoted: str = ""
    signature: str = ""


def timeline(view: TicketView, translator: Translator) -> tuple[Happening, ...]:
    """What happened, oldest first, in the reader's language and the site's zone."""
    return tuple(_Teller(view, translator).tell())


class _Teller:
    """Walks a history and puts each entry into words."""

    def __init__(self, view: TicketView, translator: Translator) -> None:
        self._view = view
        self._zone = view.line.zone
        self._translator = translator
        self._known: set[str] = set()
        self._mails = 0

    def tell(self) -> Iterator[Happening]:
        kept = list(self._view.attachments)
        for entry in self._view.entries:
            while kept and kept[0].stored < entry.stored:
                yield self._attached(kept.pop(0))
            if entry.kind == "moved_here" and entry.stage is not None:
                yield self._moved_here(entry, entry.stage)
                self._known |= {member.check for member in entry.stage.members}
            elif entry.stage is not None:
                yield from self._stage(entry, entry.stage)
                self._known |= {member.check for member in entry.stage.members}
            elif entry.kind == "requested":
                text = self._say(T("the request was received"))
                yield self._happening(entry, text)
            elif entry.kind in (MAIL_BACK, MAIL_LATE, MAIL_NOTED):
                yield self._program(entry, entry.data)
            elif entry.kind in CALL_ENTRIES:
                yield self._called(entry, entry.data)
            else:
                yield self._desk(entry)
        yield from map(self._attached, kept)

    def _attached(self, one: Attachment) -> Happening:
        if one.kind != SCREENSHOT:
            name = one.name or ""
            text = (
                self._say(T("file attached: {name}", name=name))
                if one.public
                else self._say(T("file attached, for the provider: {name}", name=name))
            )
            return Happening(at=one.taken, kind=one.kind, text=text, actor=one.actor)
        return Happening(
            at=one.taken,
            kind=one.kind,
            text=self._say(T("screenshot taken of {url}", url=one.source or "")),
            actor=one.actor,
        )

    def _stage(self, entry: Entry, stage: Stage) -> Iterator[Happening]:
        if stage.kind is Kind.OPEN:
            yield self._happening(
                entry,
                self._begun(entry),
                at=parse_instant(stage.since),
                kind="first_failure",
                tone="bad",
            )
        yield self._happening(
            entry,
            self._words(entry, stage),
            detail=self._detail(stage),
            tone=_TONES.get(stage.kind, "plain"),
        )

    def _begun(self, entry: Entry) -> str:
        if entry.rule == "S5":
            return self._say(T("first value that leads to the limit before long"))
        if entry.rule == "S4":
            return self._say(T("first value beyond the limit"))
        return self._say(T("first failure"))

    def _words(self, entry: Entry, stage: Stage) -> str:
        if stage.kind is Kind.RECOVER:
            return self._recovered(stage)
        if stage.kind is Kind.REOPEN:
            since = self._time(words.since(stage))
            return self._say(T("re-opened, failing again since {since}", since=since))
        if stage.kind is Kind.ROOT:
            name = self._translator.title(stage.subject.title, stage.subject.id)
            return self._say(T("the cause is {subject}", subject=name))
        if stage.kind is Kind.JOIN:
            return self._joined(stage)
        if stage.kind is Kind.RETIRE:
            return self._say(T("no longer measured: the check was taken out"))
        if stage.kind is Kind.NOTE:
            return self._note(stage) or self._say(T("note"))
        return self._opened(entry, stage)

    def _opened(self, entry: Entry, stage: Stage) -> str:
        if stage.kind is Kind.RAISE:
            return self._say(
                T(
                    "raised to severity {severity} ({rule})",
                    severity=entry.severity or 0,
                    rule=entry.rule or "",
                )
            )
        if entry.rule is None:
            return self._say(T("opened"))
        return self._say(T("opened ({rule})", rule=entry.rule))

    def _joined(self, stage: Stage) -> str:
        new = [m.check for m in stage.members if m.check not in self._known]
        if not new:
            return self._say(T("another check joined"))
        return self._say(T("affected too: {checks}", checks=", ".join(new)))

    def _recovered(self, stage: Stage) -> str:
        if stage.outage is None:
            return self._say(T("recovered"))
        return self._say(
            T(
                "recovered, dated {date}: {length}",
                date=self._time(parse_instant(stage.outage.until)),
                length=self._length(stage.outage),
            )
        )

    def _length(self, outage: Outage) -> str:
        """`down 1 min 31 s + 14 s unknown`; parts of no length are left out."""
        parts = []
        if outage.down_us:
            text = T("down {length}", length={"duration": outage.down_us})
            parts.append(text)
        if outage.degraded_us:
            text = T("degraded {length}", length={"duration": outage.degraded_us})
            parts.append(text)
        if outage.unknown_us:
            text = T("{length} unknown", length={"duration": outage.unknown_us})
            parts.append(text)
        if not parts:
            whole = outage.down_us + outage.up_us
            parts.append(T("lasted {length}", length={"duration": whole}))
        return " + ".join(self._translator.render(p, zone=self._zone) for p in parts)

    def _detail(self, stage: Stage) -> str:
        return "" if stage.kind is Kind.NOTE else self._note(stage)

    def _note(self, stage: Stage) -> str:
        if stage.note is None:
            return ""
        return self._translator.render(stage.note, zone=self._zone)

    def _desk(self, entry: Entry) -> Happening:
        data = entry.data
        if entry.kind == "mail_accepted":
            text = (
                self._say(T("mail accepted (same thread)"))
                if data.get("in_reply_to")
                else self._say(T("mail accepted"))
            )
            detail = self._say(
                T(
                    "{recipient}, after {length}",
                    recipient=str(data.get("recipient", "")),
                    length={"duration": int(data.get("after_us", 0))},
                )
            )
            return self._happening(entry, text, detail=detail)
        if entry.kind == "mail_refused":
            detail = f"{data.get('recipient', '')}: {data.get('error', '')}"
            text = self._say(T("mail refused for good"))
            return self._happening(entry, text, detail=detail, tone="bad")
        if entry.kind == "moved":
            return self._happening(entry, self._moved(data))
        if entry.kind == "insisted":
            text = self._say(T("re-opened: it was closed, and still is not up"))
            return self._happening(entry, text, tone="bad")
        if entry.kind == "set_aside":
            agent = str(data.get("agent", ""))
            text = self._say(
                T("{agent} is silent: the other agent counts", agent=agent)
            )
            return self._happening(entry, text, tone="good")
        if entry.kind == "counts_again":
            agent = str(data.get("agent", ""))
            text = self._say(
                T("{agent} is heard again, and still sees it", agent=agent)
            )
            return self._happening(entry, text, tone="bad")
        if entry.kind == "waited_for":
            text = self._say(
                T("nobody else measures it any more: the silent agent is waited for")
            )
            return self._happening(entry, text)
        if entry.actor.startswith("person:"):
            return self._person(entry, data)
        if entry.kind == "closed":
            return self._happening(entry, self._closed(data))
        return self._happening(entry, entry.kind)

    def _program(self, entry: Entry, data: dict[str, Any]) -> Happening:
        """What a program told by mail."""
        if entry.kind == MAIL_NOTED:
            detail = f"{data.get('sender', '')}: {data.get('said', '')}"
            text = self._say(T("answered by a program, by mail"))
            return self._happening(entry, text, detail=detail)
        detail = f"{data.get('recipient', '')}: {data.get('error', '')}"
        if entry.kind == MAIL_LATE:
            text = self._say(T("mail not delivered yet"))
            return self._happening(entry, text, detail=detail)
        text = self._say(T("mail came back"))
        return self._happening(entry, text, detail=detail, tone="bad")

    def _called(self, entry: Entry, data: dict[str, Any]) -> Happening:
        said, tone = called_words(entry.kind, data, self._view.names)
        detail = str(data.get("error") or data.get("to") or "")
        happening = self._happening(entry, self._say(said), detail=detail, tone=tone)
        return replace(happening, name=self._name(entry.actor))

    def _moved_here(self, entry: Entry, stage: Stage) -> Happening:
        text = T(
            "moved here from {ref}, bad since {since}",
            ref=str(entry.data.get("from", "")),
            since=self._time(words.since(stage)),
        )
        return self._happening(entry, self._say(text), tone="bad")

    def _moved(self, data: dict[str, Any]) -> str:
        ref, subject = str(data.get("ticket", "")), data.get("subject")
        if not subject:
            return self._say(T("goes on in {ref}", ref=ref))
        name = self._translator.title(subject["title"], subject["id"])
        return self._say(T("{subject} goes on in {ref}", subject=name, ref=ref))

    def _person(self, entry: Entry, data: dict[str, Any]) -> Happening:
        words = str(data.get("words", ""))
        # `severity_set` is how triage was called before there was one.
        kind = TRIAGED if entry.kind == "severity_set" else entry.kind
        told = data if kind == entry.kind else {"severity": data}
        said = [*done_words(kind, told, self._view.names, entry.actor)]
        readers = ""
        if kind == REMARK or (words and not data.get("public")):
            readers = "internal"
        elif words:
            readers = "customer"
        return replace(
            self._happening(entry, " · ".join(map(self._say, said)), detail=words),
            name=self._name(entry.actor),
            readers=readers,
        )

    def _name(self, actor: str) -> str:
        number = actor.partition("person:")[2]
        if number.isdecimal():
            return self._view.names.get(int(number), "")
        return number

    def _closed(self, data: dict[str, Any]) -> str:
        if data.get("reason") != "quiet":
            return self._say(T("closed"))
        quiet = {"duration": int(data.get("close_after_us", 0))}
        return self._say(T("closed by itself, quiet for {length}", length=quiet))

    def _happening(
        self,
        entry: Entry,
        text: str,
        *,
        at: Instant | None = None,
        kind: str | None = None,
        detail: str = "",
        tone: str = "plain",
    ) -> Happening:
        data, number = entry.data, entry.data.get("mail_in")
        return Happening(
            mail=number if isinstance(number, int) else 0,
            quoted=str(data.get("quoted", "")),
            signature=str(data.get("signature", "")),
            at=entry.at if at is None else at,
            kind=entry.kind if kind is None else kind,
            text=text,
            detail=detail,
            actor=entry.actor,
            tone=tone,
            mark=entry.mark,
        )

    def _say(self, text: Text) -> str:
        return self._translator.render(text, zone=self._zone)

    def _time(self, at: Instant) -> str:
        return self._translator.time(at, self._zone)


_TONES = {
    Kind.OPEN: "bad",
    Kind.RAISE: "bad",
    Kind.REOPEN: "bad",
    Kind.RECOVER: "good",
}
