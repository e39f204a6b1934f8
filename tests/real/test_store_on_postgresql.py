"""The store's tests, once more: what a desk promises on SQLite holds on PostgreSQL."""

import pytest

from support.on_postgresql import again
from support.on_postgresql import cluster as cluster
from support.on_postgresql import on_postgresql as on_postgresql

pytestmark = pytest.mark.usefixtures("on_postgresql")

globals().update(
    again(
        "test_desk_acts",
        "test_desk_attachments",
        "test_desk_events",
        "test_desk_mails",
        "test_desk_silence",
        "test_desk_windows",
        "test_desk_clones",
    )
)
