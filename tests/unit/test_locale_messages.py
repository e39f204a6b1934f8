"""The catalogue is taken from the sources, and every fault in it is found."""

from pathlib import Path

import pytest

from support import messages

script = messages.load()

ONE = 'T("no answer from {where}", where=1)\n'
ITALIAN = 'msgid "no answer from {where}"\nmsgstr "nessuna risposta da {where}"\n'


def _check(root: Path) -> list[str]:
    script.main(["extract", "--root", str(root)])
    found: list[str] = script.check(root)
    return found


def test_the_projects_own_catalogue_is_whole() -> None:
    assert script.check(messages.ROOT) == []


def test_sentences_come_from_python_and_from_templates(tmp_path: Path) -> None:
    source = 'T("a " "joined {x}", x=1)\ntext.TN("one", "{n} things", n=2)\n'
    page = '<p>{{ t("in a page {y}", y=2) }} {{ tn("a day", "{n} days", n=n) }}'
    found = script.extract(messages.checkout(tmp_path, source, page))
    assert found.faults == []
    assert found.plurals == {
        "a joined {x}": None,
        "one": "{n} things",
        "in a page {y}": None,
        "a day": "{n} days",
    }


def test_a_whole_catalogue_has_no_fault(tmp_path: Path) -> None:
    assert _check(messages.checkout(tmp_path, ONE, italian=ITALIAN)) == []


@pytest.mark.parametrize(
    ("italian", "fault"),
    [
        ("", "it.po: 'no answer from {where}' is missing"),
        (ITALIAN.replace("nessuna risposta da {where}", ""), "is empty"),
        (f"#, fuzzy\n{ITALIAN}", "is fuzzy"),
        (ITALIAN.replace("da {where}", "da"), "leaves out {where}"),
        (ITALIAN.replace("da {where}", "da {where} {dove}"), "has no place {dove}"),
        (ITALIAN + 'msgid "gone"\nmsgstr "andato"\n', "'gone' is used nowhere"),
        (ITALIAN + '#~ msgid "old"\n#~ msgstr "vecchio"\n', "'old' is used nowhere"),
    ],
)
def test_a_fault_of_a_translation_is_named(
    tmp_path: Path, italian: str, fault: str
) -> None:
    faults = _check(messages.checkout(tmp_path, ONE, italian=italian))
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('T("at " + place)\n', "words.py:1: T(…) needs literal sentences"),
        ('T(f"at {place}")\n', "words.py:1: T(…) needs literal sentences"),
        ('TN("one", many, n=1)\n', "words.py:1: TN(…) needs literal sentences"),
        ('T("at {place}")\n', "is given no value for place"),
        ('T("two\\nlines")\n', "has white space at a wrong place"),
        ('T("one")\nTN("one", "more", n=1)\n', "has two different plurals"),
    ],
)
def test_a_fault_of_a_source_is_named(tmp_path: Path, source: str, fault: str) -> None:
    found = script.extract(messages.checkout(tmp_path, source))
    assert len(found.faults) == 1
    assert fault in found.faults[0]


def test_a_broken_template_is_named(tmp_path: Path) -> None:
    root = messages.checkout(tmp_path, "", "{{ t('x' }}")
    found = script.extract(root)
    assert "desk/templates/page.html:1" in found.faults[0]


def test_a_plural_needs_all_its_forms(tmp_path: Path) -> None:
    source = 'TN("one day", "{n} days", n=2)\n'
    half = 'msgid "one day"\nmsgid_plural "{n} days"\nmsgstr[0] "un giorno"\n'
    root = messages.checkout(tmp_path, source, italian=half + 'msgstr[1] ""\n')
    assert ["is empty" in fault for fault in _check(root)] == [True]
    (tmp_path / "whole").mkdir()
    whole = half + 'msgstr[1] "{n} giorni"\n'
    root = messages.checkout(tmp_path / "whole", source, italian=whole)
    assert _check(root) == []


def test_a_template_of_texts_that_is_not_current_is_found(tmp_path: Path) -> None:
    root = messages.checkout(tmp_path, ONE, italian=ITALIAN)
    assert any("scudo.pot is not current" in fault for fault in script.check(root))


def test_update_adds_what_is_new_and_drops_what_is_gone(tmp_path: Path) -> None:
    italian = ITALIAN + 'msgid "gone"\nmsgstr "andato"\n'
    root = messages.checkout(tmp_path, ONE + 'T("new")\n', italian=italian)
    script.main(["update", "--root", str(root)])
    text = (root / script.LOCALE / "it.po").read_text(encoding="utf-8")
    assert "nessuna risposta da {where}" in text
    assert "andato" not in text
    assert script.check(root) == ["it.po: 'new' is empty"]


def test_update_twice_changes_nothing(tmp_path: Path) -> None:
    root = messages.checkout(tmp_path, ONE, italian=ITALIAN)
    script.main(["update", "--root", str(root)])
    first = (root / script.LOCALE / "it.po").read_bytes()
    script.main(["update", "--root", str(root)])
    assert (root / script.LOCALE / "it.po").read_bytes() == first


def test_check_prints_a_line_a_fault_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = messages.checkout(tmp_path, ONE)
    assert script.main(["check", "--root", str(root)]) == 1
    assert "is missing" in capsys.readouterr().out
