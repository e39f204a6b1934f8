"""Whatever stands in a history or in a file of windows: values or faults."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.config.history_file import read_history
from scudo_agent.config.json_lines import shortened
from scudo_agent.config.window_file import read_windows
from support.uptime_files import window

WINDOW = window(
    "w1", "ordinary", "2026-06-03T00:30:00+02:00", "2026-06-03T04:30:00+02:00",
    announced="2026-06-01T23:30:00+02:00",
)  # fmt: skip
LINE = {"t": "2026-01-01T00:00:00+01:00", "service": "erp", "state": "up"}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(
        [
            "up",
            "erp",
            "ordinary",
            "*",
            "2026-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WINDOW, *LINE, "start"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def lines(draw: st.DrawFn, sound: dict[str, Any]) -> bytes:
    """A sound line with some of its values replaced or gone; or bytes of any kind."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=30))
    data = dict(sound)
    for key in draw(st.lists(st.sampled_from([*sound, "more"]), max_size=3)):
        if draw(st.booleans()):
            data[key] = draw(values)
        else:
            data.pop(key, None)
    return json.dumps(data).encode()


def check(read: Any, parts: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.jsonl"
        path.write_bytes(b"\n".join(parts))
        found, faults = read(path)
    count = b"\n".join(parts).count(b"\n") + 1
    assert all(1 <= fault.line <= count and fault.column >= 1 for fault in faults)
    assert all(fault.what for fault in shortened(faults))
    assert len(found.body) <= count


@given(parts=st.lists(lines(LINE), max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_history_is_read_or_told_what_is_wrong(parts: list[bytes]) -> None:
    check(read_history, parts)


@given(parts=st.lists(lines(WINDOW), max_size=4))
@settings(max_examples=300, deadline=None)
def test_windows_are_read_or_told_what_is_wrong(parts: list[bytes]) -> None:
    check(read_windows, parts)
