"""Sentences, dates and numbers in the reader's language."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scudo_agent.errors import ScudoError
from scudo_agent.instant import HOUR, MINUTE, SECOND, from_datetime
from scudo_agent.locale import languages, translator
from scudo_agent.text import TN, T, Text

ROME = "Europe/Rome"
NOV = from_datetime(datetime(2026, 11, 23, 9, 41, 50, tzinfo=UTC))


def _catalogue(folder: Path, language: str, body: str, plural: str = "n != 1") -> None:
    (folder / f"{language}.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: nplurals=2; plural=({plural});\\n"\n\n{body}',
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("language", "zone", "expected"),
    [
        ("it", ROME, "lunedì 23 novembre 2026, 10:41:50 (ora italiana)"),
        ("en", ROME, "Monday, 23 November 2026, 10:41:50 (Italian time)"),
        ("de", ROME, "Monday, 23 November 2026, 10:41:50 (Italian time)"),
        ("en", "UTC", "Monday, 23 November 2026, 09:41:50 (UTC)"),
        ("en", "No/Where", "Monday, 23 November 2026, 09:41:50 (UTC)"),
        ("en", "America/New_York", "Monday, 23 November 2026, 04:41:50 (Eastern Time)"),
    ],
)
def test_an_instant_is_written_as_people_write_it(
    language: str, zone: str, expected: str
) -> None:
    assert translator(language).instant(NOV, zone) == expected


def test_the_hour_that_comes_twice_says_which_one_is_meant() -> None:
    read = translator("it").instant
    first = from_datetime(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert read(first, ROME).endswith("02:30:00 (ora italiana, UTC+2)")
    assert read(first + HOUR, ROME).endswith("02:30:00 (ora italiana, UTC+1)")
    assert read(first + 2 * HOUR, ROME).endswith("03:30:00 (ora italiana)")


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "0 s"),
        (350_000, "350 ms"),
        (999_600, "1 s"),
        (91 * SECOND, "1 min 31 s"),
        (HOUR, "1 h"),
        (HOUR + 5 * SECOND, "1 h 5 s"),
        (87 * HOUR + 36 * MINUTE, "87 h 36 min"),
        (-91 * SECOND, "-1 min 31 s"),
    ],
)
def test_a_length_of_time_is_exact_and_has_no_empty_part(
    length: int, expected: str
) -> None:
    assert translator("it").duration(length) == expected


@pytest.mark.parametrize(
    ("value", "italian", "english"),
    [
        ({"ratio": 0.61}, "61%", "61%"),
        ({"ratio": 0.0035}, "0,4%", "0.4%"),
        ({"ratio": 0.99996}, "99,9%", "99.9%"),
        ({"ratio": 1}, "100%", "100%"),
        ({"ms": 3.2}, "3 ms", "3 ms"),
        ({"ms": 0.4}, "0,4 ms", "0.4 ms"),
        ({"ms": 12_345}, "12,3 s", "12.3 s"),
        ({"bytes": 512}, "512 B", "512 B"),
        ({"bytes": 1.5e9}, "1,5 GB", "1.5 GB"),
        ({"bytes": 18.2e9}, "18 GB", "18 GB"),
        ({"euro": 75}, "75,00 €", "75.00 €"),
        ({"euro": 1234.5}, "1.234,50 €", "1,234.50 €"),
        ({"duration": 14 * SECOND}, "14 s", "14 s"),
        ({"text": T("Since").to_json()}, "Da quando", "Since"),
        (5432, "5432", "5432"),
        (1.5, "1,5", "1.5"),
        (0.0, "0", "0"),
        ("503", "503", "503"),
        ({"colour": 3}, '{"colour": 3}', '{"colour": 3}'),
        ({}, "{}", "{}"),
    ],
)
def test_a_value_is_written_by_its_kind(
    value: object, italian: str, english: str
) -> None:
    text = {"id": "<{value}>", "values": {"value": value}}
    assert translator("it").render(text) == f"<{italian}>"
    assert translator("en").render(text) == f"<{english}>"


def test_a_plural_follows_the_number() -> None:
    one, many = "one more", "{n} more"
    assert translator("it").render(TN(one, many, n=1)) == "un altro"
    assert translator("it").render(TN(one, many, n=3)) == "altri 3"
    assert translator("en").render(TN(one, many, n=0)) == "0 more"


def test_json_and_text_read_the_same() -> None:
    text = TN("one more", "{n} more", n=2)
    italian = translator("it")
    assert italian.render(text.to_json()) == italian.render(text)


def test_text_from_a_device_is_one_harmless_line() -> None:
    evil = "a\r\nBcc: x@evil.example\x1b[31m\u202e\u2028b\x00"
    told = translator("en").render(T("name: {name}", name=evil))
    assert told == "name: a Bcc: x@evil.example [31m b"


def test_a_place_inside_a_value_is_no_place() -> None:
    told = translator("en").render(T("{a} {b}", a="{b}", b="x"))
    assert told == "{b} x"


def test_a_missing_value_stays_visible_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert translator("en").render(T("up since {when}")) == "up since {when}"
    assert "no value for {when}" in caplog.text


def test_a_sentence_that_is_not_translated_is_english() -> None:
    assert translator("it").render(T("no such {thing}", thing="x")) == "no such x"


def test_a_third_language_needs_no_code(tmp_path: Path) -> None:
    _catalogue(tmp_path, "de", 'msgid "Since"\nmsgstr "Seit"\n')
    german = translator("de", folders=(tmp_path,))
    assert german.render(T("Since")) == "Seit"
    assert german.number(1.5) == "1,5"
    assert german.day(NOV, ROME) == "Montag, 23. November 2026"
    assert german.instant(NOV, ROME).endswith("(Mitteleuropäische Zeit)")
    assert "de" in languages((tmp_path,))


def test_a_language_with_three_plural_forms(tmp_path: Path) -> None:
    rule = "n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2"
    (tmp_path / "pl.po").write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: nplurals=3; plural=({rule});\\n"\n\n'
        'msgid "one day"\nmsgid_plural "{n} days"\n'
        'msgstr[0] "{n} dzień"\nmsgstr[1] "{n} dni"\nmsgstr[2] "{n} dni!"\n',
        encoding="utf-8",
    )
    polish = translator("pl", folders=(tmp_path,))
    told = [polish.plural("one day", "{n} days", n=n) for n in (1, 3, 5, 12, 22)]
    assert told == ["1 dzień", "3 dni", "5 dni!", "12 dni!", "22 dni"]


def test_a_region_falls_back_to_its_language_and_then_to_english(
    tmp_path: Path,
) -> None:
    _catalogue(tmp_path, "pt", 'msgid "Since"\nmsgstr "Desde"\n')
    assert translator("pt-BR", folders=(tmp_path,)).render(T("Since")) == "Desde"
    assert translator("xx").render(T("Since")) == "Since"
    assert translator("../../etc/passwd").render(T("Since")) == "Since"
    assert translator("IT").language == "it"


def test_a_fuzzy_translation_is_not_used(tmp_path: Path) -> None:
    _catalogue(tmp_path, "de", '#, fuzzy\nmsgid "Since"\nmsgstr "Vielleicht"\n')
    assert translator("de", folders=(tmp_path,)).render(T("Since")) == "Since"


def test_a_file_that_is_no_catalogue_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "de.po").write_text("this is no catalogue\n", encoding="utf-8")
    with pytest.raises(ScudoError, match=r"de\.po: no readable catalogue"):
        translator("de", folders=(tmp_path,))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Gestionale", "Gestionale bloccato"),
        ("Connettività", "Connettività bloccata"),
        ("Posta elettronica", "Posta elettronica bloccata"),
        ("Rete", "Rete bloccata"),
        ("Sito demo", "Sito demo bloccato"),
        ("Sistema paghe", "Sistema paghe bloccato"),
        ("core-switch/ping", "core-switch/ping bloccato"),
    ],
)
def test_a_word_agrees_with_the_value_that_it_is_about(
    subject: str, expected: str
) -> None:
    assert translator("it").render(T("{subject} down", subject=subject)) == expected


def test_a_title_is_taken_in_the_readers_language_then_english_then_any() -> None:
    titles = {"it": "Gestionale", "en": "ERP"}
    assert translator("it").title(titles, "erp") == "Gestionale"
    assert translator("xx").title(titles, "erp") == "ERP"
    assert translator("en").title({"it": "Gestionale"}, "erp") == "Gestionale"
    assert translator("en").title({}, "erp") == "erp"


def test_a_template_gets_its_functions() -> None:
    give = translator("it").functions(ROME)
    assert give["t"]("{length} down", length={"duration": SECOND}) == "1 s di blocco"
    assert give["tn"]("one more", "{n} more", n=2) == "altri 2"
    assert give["text"](T("Since").to_json()) == "Da quando"
    assert give["instant"](NOV).endswith("10:41:50 (ora italiana)")
    assert give["time"](NOV) == "10:41:50"
    assert give["day"](NOV) == "lunedì 23 novembre 2026"
    assert give["duration"](SECOND) == "1 s"


def test_a_list_is_written_as_people_write_it() -> None:
    assert translator("it").listing(["a", "b", "c"]) == "a, b e c"
    assert translator("en").listing(["a"]) == "a"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_KINDS = st.sampled_from(
    ["instant", "duration", "ratio", "ms", "bytes", "euro", "text"]
)


@given(
    st.text(),
    st.none() | st.text(),
    _JSON | st.dictionaries(_KINDS, _JSON, max_size=2),
    st.sampled_from(["it", "en"]),
)
def test_nothing_that_arrives_fails_to_be_read(
    sentence: str, plural: str | None, value: object, language: str
) -> None:
    values = {"value": value, "n": value}
    text = {"id": sentence + "{value}", "plural": plural, "values": values}
    told = translator(language).render(text, zone=ROME)
    assert not any(ord(char) < 32 for char in told)
    translator(language).render({"id": sentence, "values": value, "plural": plural})


@pytest.mark.parametrize(
    "kind", ["instant", "duration", "ratio", "ms", "bytes", "euro"]
)
def test_a_truth_is_no_number(kind: str) -> None:
    said = translator("it").sentence("{value}", value={kind: True})
    assert said == f'{{"{kind}": true}}'


@pytest.mark.parametrize(
    "kind", ["instant", "duration", "ratio", "ms", "bytes", "euro"]
)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400, -(10**17)])
def test_an_impossible_number_is_shown_as_it_is(kind: str, number: float) -> None:
    assert translator("it").render({"id": "{x}", "values": {"x": {kind: number}}})


@given(st.integers(), st.sampled_from(["it", "en"]))
def test_every_instant_can_be_written(at: int, language: str) -> None:
    assert translator(language).instant(at, ROME)


@given(st.integers(min_value=SECOND, max_value=10**9 * SECOND))
def test_the_parts_of_a_length_add_up(length: int) -> None:
    words = translator("en").duration(length).split()
    unit = {"h": HOUR, "min": MINUTE, "s": SECOND}
    pairs = zip(words[::2], words[1::2], strict=True)
    total = sum(int(number) * unit[name] for number, name in pairs)
    assert abs(total - length) <= SECOND // 2


def test_a_sentence_within_a_sentence_ends() -> None:
    text = T("deep")
    for _ in range(50):
        text = T("<{inner}>", inner={"text": text.to_json()})
    assert translator("en").render(text).startswith("<<<<<")
    assert isinstance(text, Text)
