"""Notices in Italian and English, as text and as HTML."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.desk.notice import headline, render, severity_label
from scudo_agent.locale import translator
from scudo_agent.text import T
from scudo_agent.wire import Named, Stage
from support.notices import (
    ERP,
    OUTAGE,
    REF,
    URL,
    evidence,
    isolated,
    notice,
    stage,
    warning,
)

ROME = "Europe/Rome"
POST = Named(id="mail", title={"it": "Posta", "en": "Mail"})


def _write(told: Stage, language: str = "it", **changes: Any) -> tuple[str, str]:
    made = render(notice(told, **changes), translator(language), ROME)
    return made.subject, made.text


class _Shown(HTMLParser):
    """The words of a page, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_an_opening_in_italian() -> None:
    subject, text = _write(stage(), replies_filed=True)
    assert subject == f"[{REF}] Gestionale bloccato – gravità 1 (H bloccante)"
    assert text == (
        "Buongiorno,\n"
        "\n"
        f"abbiamo aperto per voi il ticket {REF}.\n"
        "\n"
        "Che cosa     Gestionale: https://erp.example/login: «503» invece di «200»\n"
        "Da quando    lunedì 23 novembre 2026, 10:41:50 (ora italiana)\n"
        "Origine      AltecMonitor: l'abbiamo rilevato noi, non serve che chiamiate\n"
        "Gravità      1 – H, bloccante: un servizio del contratto è fermo (regola S1)\n"
        "\n"
        f"Lo seguite qui: {URL}\n"
        "Rispondete a questo messaggio per aggiungere informazioni: resta nel ticket.\n"
        "\n"
        "Altec\n"
    )


def test_an_opening_in_english() -> None:
    subject, text = _write(stage(), "en")
    assert subject == f"[{REF}] ERP down – severity 1 (H blocking)"
    assert f"we have opened ticket {REF} for you." in text
    assert "ERP: https://erp.example/login gave “503” instead of “200”" in text
    assert "Monday, 23 November 2026, 10:41:50 (Italian time)" in text
    assert "a contracted service is down (rule S1)" in text


def test_a_recovery_tells_how_long_from_the_first_failure() -> None:
    told = stage("recover", members=[], outage=OUTAGE)
    subject, text = _write(told, evidence=(evidence(),))
    assert subject == f"[{REF}] Gestionale di nuovo attivo dopo 1 min 45 s"
    assert "Gestionale è di nuovo attivo.\n" in text
    assert "Inizio       lunedì 23 novembre 2026, 10:41:50" in text
    assert "Fine         lunedì 23 novembre 2026, 10:43:35" in text
    joined = " ".join(text.split())
    assert (
        "Durata 1 min 45 s dal primo errore: 1 min 31 s di blocco e 14 s non misurati"
    ) in joined
    assert "resta aperto finché qualcuno non avrà trovato la causa." in joined
    assert "Origine" not in text
    assert "Gravità" not in text


@pytest.mark.parametrize("language", ["it", "en"])
def test_a_recovery_says_what_is_seen_and_not_instead_of_what(language: str) -> None:
    seen = T("{a}", a="200 OK").to_json()
    back = [evidence(state="up", seen=seen), evidence(state="up", check="erp/db")]
    told = stage("recover", members=back, outage=OUTAGE)
    _, text = _write(told, language, evidence=(evidence(),))
    assert "200 OK" in text
    assert "invece di" not in text
    assert "instead of" not in text


@pytest.mark.parametrize("kind", ["open", "raise", "reopen"])
def test_of_a_check_that_is_up_nothing_else_was_expected(kind: str) -> None:
    told = stage(kind, members=[evidence(state="up")])
    assert "invece di" not in _write(told)[1]


def test_a_recovery_tells_when_the_ticket_closes_by_itself() -> None:
    at = 1_795_513_310_000_000
    told = stage("recover", outage=OUTAGE)
    _, text = _write(told, closes_at=at)
    assert "si chiude da solo: martedì 24 novembre 2026" in " ".join(text.split())


def test_a_recovery_of_two_outages_tells_the_time_between_them() -> None:
    outage = OUTAGE.model_copy(update={"up_us": 60_000_000, "degraded_us": 5_000_000})
    _, text = _write(stage("recover", outage=outage), "en")
    told = " ".join(text.split())
    assert "2 min 50 s from the first failure" in told
    assert "1 min 31 s down, 5 s degraded, 14 s not measured and 1 min up" in told


def test_a_raise_tells_both_severities() -> None:
    subject, text = _write(stage("raise"), before=2)
    assert subject == f"[{REF}] Gestionale bloccato – gravità ora 1 (H bloccante)"
    assert "è diventato più grave: la gravità passa da 2 a 1." in text
    assert "più grave.\n" in _write(stage("raise"))[1]


def test_a_reopening_says_that_it_is_back() -> None:
    subject, text = _write(stage("reopen"))
    assert subject.startswith(f"[{REF}] Di nuovo: Gestionale bloccato – gravità 1")
    assert f"abbiamo riaperto il ticket {REF}" in text


def test_a_reopening_tells_since_when_it_is_bad_again() -> None:
    members = [
        evidence(since="2026-11-23T10:30:00Z"),
        evidence(check="erp/db", since="2026-11-23T10:29:00Z"),
        evidence(check="erp/tls", state="up", since="2026-11-23T10:31:00Z"),
    ]
    _, text = _write(stage("reopen", members=members))
    assert "Da quando    lunedì 23 novembre 2026, 11:30:00 (ora italiana)" in text
    assert "10:41:50" not in text
    _, text = _write(stage("raise", members=members))
    assert "Da quando    lunedì 23 novembre 2026, 10:41:50 (ora italiana)" in text


def test_an_opening_that_arrives_when_all_is_over_is_one_notice() -> None:
    subject, text = _write(stage(outage=OUTAGE))
    assert subject == f"[{REF}] Gestionale bloccato per 1 min 45 s, già rientrato"
    assert "per un problema già rientrato" in text
    assert "Fine  " in text
    assert "Origine" in text
    assert "resta aperto finché" in " ".join(text.split())


def test_a_warning_blocks_nothing() -> None:
    subject, text = _write(warning())
    assert subject == f"[{REF}] Avviso: web/tls – gravità 3 (L segnalazione)"
    assert "web/tls: erp.example:443: «503»" in text
    assert "bloccat" not in text
    subject, text = _write(warning("recover", outage=OUTAGE))
    assert subject == f"[{REF}] Avviso rientrato: web/tls"
    assert "l'avviso su web/tls è rientrato." in text
    assert "di blocco" not in text


def test_an_isolated_agent_is_the_providers_own_affair() -> None:
    subject, text = _write(isolated())
    assert subject == f"[{REF}] Agente isolato: acme-milano"
    assert "che nessun cliente vede" in text
    assert "non serve che chiamiate" not in text
    assert "Gravità" not in text
    subject, text = _write(isolated("recover", outage=OUTAGE))
    expected = f"[{REF}] Agente di nuovo raggiungibile dopo 1 min 45 s: acme-milano"
    assert subject == expected
    assert "l'agente di acme-milano è di nuovo raggiungibile." in text
    subject, _ = _write(isolated("reopen"))
    assert subject == f"[{REF}] Di nuovo: Agente isolato: acme-milano"


def test_a_desk_that_did_not_answer_is_the_providers_affair_too() -> None:
    about: dict[str, Any] = {
        "subject_key": "check:desk/answer",
        "subject": Named(id="desk/answer"),
    }
    subject, text = _write(isolated(**about))
    assert subject == f"[{REF}] Desk non raggiunto: acme-milano"
    assert "che nessun cliente vede" in text
    subject, text = _write(isolated("recover", outage=OUTAGE, **about))
    expected = f"[{REF}] Desk di nuovo raggiunto dopo 1 min 45 s: acme-milano"
    assert subject == expected
    assert "il desk risponde di nuovo all'agente di acme-milano." in text


def test_a_root_names_the_services_that_it_took_along() -> None:
    told = stage(
        subject_key="check:sw/ping",
        subject=Named(id="sw/ping"),
        members=[evidence(), evidence(check="sw/ping", endpoint="192.0.2.2")],
        affected=[POST, ERP],
    )
    subject, text = _write(told)
    assert "Posta e un altro servizio bloccati – gravità 1" in subject
    assert "192.0.2.2: «503»" in text
    assert "Coinvolge    Gestionale\n" in text
    assert headline(told, translator("it"), site="x") == (
        "Posta e un altro servizio bloccati"
    )


def test_a_recovery_names_what_the_opening_named() -> None:
    told = stage(
        "recover",
        subject_key="check:sw/ping",
        subject=Named(id="sw/ping"),
        members=[],
        affected=[],
        outage=OUTAGE,
    )
    subject, _ = _write(told, evidence=(evidence(),), affected=(ERP,))
    assert subject == f"[{REF}] Gestionale di nuovo attivo dopo 1 min 45 s"
    assert "sw/ping di nuovo attivo" in _write(told)[0]
    subject, text = _write(told, affected=(POST, ERP))
    assert subject == (
        f"[{REF}] Rientrato dopo 1 min 45 s: Posta e un altro servizio bloccati"
    )
    assert "Posta e un altro servizio sono di nuovo attivi.\n" in text


@pytest.mark.parametrize(
    ("rule", "severity", "state", "expected"),
    [
        ("S2", 2, "degraded", "Gestionale ridotto – gravità 2 (M non bloccante)"),
        ("S3", 2, "down", "Gestionale bloccato – gravità 2 (M non bloccante)"),
        ("S3", 2, "degraded", "Gestionale ridotto – gravità 2 (M non bloccante)"),
    ],
)
def test_the_headline_follows_rule_and_state(
    rule: str, severity: int, state: str, expected: str
) -> None:
    members = [evidence(state=state)]
    told = stage(rule=rule, severity=severity, members=members)
    subject, text = _write(told)
    assert subject == f"[{REF}] {expected}"
    assert f"(regola {rule})" in " ".join(text.split())


def test_a_forecast_is_no_outage() -> None:
    told = warning(subject_key="forecast:here/disk", rule="S5")
    assert _write(told)[0].startswith(f"[{REF}] Previsione: web/tls – gravità 3")


def test_other_tickets_are_named() -> None:
    _, text = _write(stage(), follows="SC-AAAA-BBBB", linked=("SC-CCCC-DDDD",))
    assert "Fa seguito a  SC-AAAA-BBBB\n" in text
    assert "Collegato a   SC-CCCC-DDDD\n" in text


def test_a_note_is_shown() -> None:
    note = T("{length} down", length={"duration": 1_000_000}).to_json()
    assert "Nota         1 s di blocco\n" in _write(stage(note=note))[1]


def test_another_origin_stands_alone() -> None:
    assert "Origine      Telefono\n" in _write(stage(), origin="Telefono")[1]


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("kind", ["open", "raise", "recover", "reopen"])
def test_html_says_the_same_as_the_text(kind: str, language: str) -> None:
    outage = OUTAGE if kind == "recover" else None
    made = render(
        notice(stage(kind, outage=outage)), translator(language), "Europe/Rome"
    )
    shown = _Shown(made.html)
    assert shown.words == made.text.split()
    assert shown.links == [URL]
    assert f'<html lang="{language}">' in made.html


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("kind", ["open", "raise", "recover", "reopen"])
def test_no_notice_has_more_than_one_screen(kind: str, language: str) -> None:
    members = [evidence(check=f"a{n}/ping", seen=_long(n)) for n in range(30)]
    affected = [Named(id=f"s{n}", title={"it": "S" * 300}) for n in range(30)]
    told = stage(kind, members=members, affected=affected, outage=OUTAGE)
    subject, text = _write(told, language, linked=tuple(f"SC-{n}" for n in range(9)))
    assert len(text.splitlines()) <= 36
    assert max(map(len, text.splitlines())) <= 90
    assert len(subject) <= 200


def _long(n: int) -> dict[str, Any]:
    return T("{a} {b}", a="seen " * 200, b=n).to_json()


def test_severity_labels_are_those_of_the_pages() -> None:
    assert severity_label(1, translator("it")) == "1 · H bloccante"
    assert severity_label(2, translator("it")) == "2 · M non bloccante"
    assert severity_label(3, translator("it")) == "3 · L segnalazione"
    assert severity_label(1, translator("en")) == "1 · H blocking"


_EVIL = st.text() | st.sampled_from(
    ["a\r\nBcc: x@evil.example", "<script>alert(1)</script>", "{ref}", '"><img src=x>']
)


@given(_EVIL, _EVIL, _EVIL, st.sampled_from(["it", "en"]))
def test_what_a_device_says_is_data(
    title: str, seen: str, endpoint: str, language: str
) -> None:
    member = evidence(
        endpoint=endpoint, seen=T("{a} {b}", a=seen, b="").to_json(), check=seen
    )
    told = stage(subject=Named(id="erp", title={"it": title, "en": title}))
    told = told.model_copy(update={"members": [member, member]})
    made = render(notice(told), translator(language), ROME)
    assert not re.search(r"[\x00-\x1f\x7f]", made.subject)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", made.text)
    assert _Shown(made.html).tags <= {
        *("html", "head", "meta", "body", "div", "p", "table", "tr", "th", "td"),
        *("a", "br"),
    }
    assert not any(line.startswith("Bcc:") for line in made.text.splitlines())
