"""YAML 1.2's core schema, positions, and what is refused."""

import time
from typing import Any

import pytest

from scudo_agent.config.yaml_source import parse
from scudo_agent.errors import ConfigError


def data(text: str) -> Any:
    document = parse(text, "f")
    assert document.faults == []
    return document.data


def faults(text: str) -> list[str]:
    try:
        return [str(fault) for fault in parse(text, "f").faults]
    except ConfigError as exc:
        return [str(fault) for fault in exc.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00", "22:00"),
        ("1:30", "1:30"),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("-12", -12),
        ("+3", 3),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("<<", "<<"),
        ("=", "="),
        ("60s", "60s"),
        ("20%", "20%"),
        (".", "."),
        ("-", "-"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    got = data(f"k: {text}\n" if text != "-" else "k: '-'\n")["k"]
    assert got == value
    assert type(got) is type(value)


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert data("1: a\non: b\nnull: c\n22:00: d\n") == {
        "1": "a",
        "on": "b",
        "null": "c",
        "22:00": "d",
    }


def test_an_alias_stands_for_what_its_anchor_names() -> None:
    assert data("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    "text",
    ["a:\n\tb: 1", "a: 1\n\tb: 2", "a: {\n\tb: 1}", "a:\t1", "a: [1,\t2]", "a: 1 \t"],
)
def test_tabs_are_faults(text: str) -> None:
    assert [f.partition(": ")[2] for f in faults(text)] == [
        "a tab stands here; YAML is indented with spaces"
    ]


@pytest.mark.parametrize("text", ["a: 'x\ty'", "a: |\n  x\ty\n", "a: 1 # x\ty"])
def test_tabs_in_texts_and_comments_are_not(text: str) -> None:
    assert faults(text) == []


def test_places_are_those_of_keys_and_values() -> None:
    document = parse("a:\n  - {b: è, c: 1}\n", "f")
    at = document.fault(("a", 0, "c"), "x")
    assert (at.line, at.column) == (2, 15)
    at = document.fault(("a", 0, "c"), "x", key=True)
    assert (at.line, at.column) == (2, 12)
    # What is not there stands at the nearest key that is.
    at = document.fault(("a", 0, "c", "deeper"), "x")
    assert (at.line, at.column) == (2, 12)
    assert (document.text(("a", 0, "c")), document.text(("a", 1))) == ("1", None)


def test_a_duplicate_keeps_the_first_value_and_all_are_told() -> None:
    document = parse("a: 1\na: 2\na: 3\n", "f")
    assert document.data == {"a": 1}
    assert [str(fault) for fault in document.faults] == [
        "f:2:1: 'a' stands here a second time; the first is in line 1",
        "f:3:1: 'a' stands here a second time; the first is in line 1",
    ]


@pytest.mark.parametrize("opening", ["[", "[\n", "- ", "{a: ", "? "])
def test_hostile_depth_ends_early(opening: str) -> None:
    started = time.process_time()
    assert len(faults(opening * 50_000)) == 1
    assert time.process_time() - started < 2


def test_aliases_cannot_grow_without_measure() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    assert faults("\n".join(lines)) == [
        "f:5:36: aliases make this file grow without measure"
    ]


def test_a_chain_of_aliases_cannot_nest_without_measure() -> None:
    lines = ["k0: &k0 [x]", *(f"k{n}: &k{n} [*k{n - 1}]" for n in range(1, 100))]
    (fault,) = faults("\n".join(lines))
    assert fault.endswith("aliases make this file grow without measure")
