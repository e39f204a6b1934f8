"""What a text is found by, and what a query asks for."""

import pytest

from scudo_agent.desk.search_words import as_ref, fold, sought, words


def found(text: str, query: str) -> bool:
    """Whether all words of a query are among those of the text."""
    kept = words(text)
    return all(
        any(low <= word < high for word in kept for low, high in one.ranges)
        for one in sought(query)
    )


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("SC-7F3K-9QZ2", "[SC-7F3K-9QZ2]"),
        ("SC-7F3K-9QZ2", "sc7f3k9qz2"),
        ("SC-7F3K-9QZ2", "7F3K-9QZ2"),
        ("SC-7F3K-9QZ2", "7f3k9qz2"),
        ("SC-7F3K-9QZ2", "SC 7F3K 9QZ2"),
        ("Così perché è città", "cosi perche e citta"),
        ("ﬁrewall Straße Æther Łódź", "firewall strasse aether lodz"),
        ("l’ufficio “nuovo”", "l'ufficio nuovo"),
        ("https://www.erp.example/login?next=/ordini", "erp.example/login"),
        ("https://www.erp.example/login?next=/ordini", "https://www.erp"),
        ("https://www.erp.example/login?next=/ordini", "ordini"),
        ("https://www.erp.example/login?next=/ordini", '"erp.example"'),
        ("icmp://192.0.2.17", "192.0.2."),
        ("192.0.2.17:443", '"192.0.2.17"'),
        ("http://[2001:0db8:0:0::17]:80/", "2001:db8::17"),
        ("2001:db8::17", "2001:DB8:0:0:0:0:0:17"),
        ("matricola SN-4711-A/9", "sn4711a"),
        ("matricola SN 4711-A", "4711-a"),
        ("00:1A:2B:3C:4D:5E", "001a2b3c4d5e"),
        ("001a.2b3c.4d5e", "00-1a-2b-3c-4d-5e"),
        ("tel. +39 02 1234-567", "02 1234567"),
        ("tel. 02 1234567", "02/1234567"),
        ("Mario.Rossi@acme.example", "mario.rossi@acme.example"),
        ("Mario.Rossi@acme.example", "acme.example"),
        ("stampante bloccata", "bloccata stampante"),
        ("stampante bloccata", "stampante b"),
        ("stampante bloccata", "stamp bloc"),
    ],
)
def test_it_is_found(text: str, query: str) -> None:
    assert found(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("192.17.2.0", "192.0.2.17"),
        ("192.0.2.171", '"192.0.2.17"'),
        ("stampante bloccata", "b stampante"),
        ("stampante bloccata", '"stampant" bloccata'),
        ("stampante bloccata", "ampante"),
        ("stampante bloccata", "stampante accesa"),
        ("SC-7F3K-9QZ2", "SC-7F3K-9QZ3"),
    ],
)
def test_it_is_not_found(text: str, query: str) -> None:
    assert not found(text, query)


@pytest.mark.parametrize("nothing", ["", "  ", "-- / []", '""', "\x00\u202e", "…"])
def test_a_query_of_no_words_asks_for_nothing(nothing: str) -> None:
    assert sought(nothing) == ()


def test_work_and_room_have_bounds() -> None:
    assert len(sought("parola " * 100)) == 8
    long = "a/" * 5_000 + "b" * 5_000
    assert all(len(word) <= 64 for word in words(long))
    assert len(words(long)) < 40
    assert found("x" * 100, "x" * 100)


def test_a_number_of_a_ticket_is_known_however_it_is_written() -> None:
    for written in ("SC-7F3K-9QZ2", "[sc 7f3k 9qz2]", "7f3k9qz2", " 7F3K-9QZ2 "):
        assert as_ref(written) == "SC-7F3K-9QZ2"
    for other in ("", "gestionale", "SC-7F3K", "東京タワー東京タワー"):
        assert as_ref(other) is None


def test_folding_twice_is_folding_once() -> None:
    for text in ("Straße", "ŒUVRE", "İstanbul", "℡ ½", "ΑΣ", "ſ"):
        assert fold(fold(text)) == fold(text)
