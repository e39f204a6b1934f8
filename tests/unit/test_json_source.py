"""JSON files with positions: what is no JSON is told with its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.config.json_source import MAX_BYTES, MAX_DEPTH, parse, read
from scudo_agent.errors import ConfigError

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(deadline=None)
@given(_VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse(text, "x").data == value


@settings(deadline=None)
@given(st.text() | st.text(alphabet='[]{}",:0123456789.eE+-\\ \n\tntrufals'))
def test_whatever_is_no_json_is_a_fault(text: str) -> None:
    assert _ours(text) == _standard(text)


def _ours(text: str) -> tuple[bool, Any]:
    try:
        doc = parse(text, "x")
    except ConfigError:
        return False, None
    return True, doc.data


def _standard(text: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(text, parse_constant=_refused)
    except ValueError:
        return False, None


def _refused(word: str) -> None:
    raise ValueError(word)


def test_each_value_and_key_has_its_place() -> None:
    doc = parse('[\n  {"a": 1,\n   "b": [true, "x"]}]', "x.json")
    assert str(doc.fault((0, "b", 1), "here")) == "x.json:3:16: here"
    assert str(doc.fault((0, "b"), "here", key=True)) == "x.json:3:4: here"
    assert str(doc.fault((0, "a"), "here")) == "x.json:2:9: here"
    assert doc.text((0, "a")) == "1"


def test_the_digits_of_a_number_stay_readable() -> None:
    assert parse("[99.90]", "x").text((0,)) == "99.90"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x: is empty"),
        (" \n", "x: is empty"),
        ("[1,]", "x:1:4: no ',' stands before ']'"),
        ('{"a": 1,\n}', "x:2:1: no ',' stands before '}'"),
        ("[1 2]", "x:1:4: ',' or ']' is needed here"),
        ('{"a" 1}', "x:1:6: ':' and a value are needed after the key 'a'"),
        ("{a: 1}", "x:1:2: a key in double quotes is needed here"),
        ("[1] 2", "x:1:5: the value has ended here; nothing may follow it"),
        ("[NaN]", "x:1:2: here where a JSON value is needed"),
        ("[", "x:1:2: the file ends where a JSON value is needed"),
        ('["a\nb"]', "x:1:4: this text in quotes is no JSON"),
        ('{"a": 1, "a": 2}', "x:1:10: 'a' stands here a second time"),
        ("[01]", "x:1:3: ',' or ']' is needed here"),
        (f"[{'9' * 401}]", "x:1:2: a number of more than 400 digits"),
        (
            "[" * (MAX_DEPTH + 1),
            f"x:1:{MAX_DEPTH + 1}: more than {MAX_DEPTH} levels deep",
        ),
    ],
)
def test_a_fault_says_where_and_what_is_right(text: str, said: str) -> None:
    try:
        faults = list(map(str, parse(text, "x").faults))
    except ConfigError as exc:
        faults = list(map(str, exc.faults))
    assert [fault[: len(said)] for fault in faults] == [said]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b'[\n"\xff"]')
    with pytest.raises(ConfigError, match=r"x\.json:2:2: is not UTF-8 text"):
        read(file)
    file.write_bytes(b"\xef\xbb\xbf[]")
    assert read(file).data == []
    file.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than 16 MiB"):
        read(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)
