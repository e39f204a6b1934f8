"""The key that an agent keeps for the desk in its own process."""

import asyncio
from pathlib import Path

import pytest

from scudo_agent.agent.desks import embedded_end
from scudo_agent.desk import app
from scudo_agent.errors import ScudoError
from support.desking import HandClock, settings, site


def enrolled(folder: Path) -> str:
    """Start a desk, enrol, end both; the key that was kept."""

    async def once() -> None:
        desk = app.build(settings(folder), clock=HandClock())
        await desk.start(mails=False)
        try:
            end = await embedded_end(desk, site(), folder, serve=False)
            await end.client.close()
            await end.reader.close()
        finally:
            await desk.close()

    asyncio.run(once())
    return (folder / "desk.key").read_text()


def test_the_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    first = enrolled(tmp_path)
    assert enrolled(tmp_path) == first
    assert (tmp_path / "desk.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"sca_cut", b"two\nlines\n", b"\xff\x00\n"])
def test_a_damaged_key_is_replaced(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    first = enrolled(tmp_path)
    (tmp_path / "desk.key").write_bytes(damage)
    (tmp_path / "desk.key.new").write_text("what a kill left")
    again = enrolled(tmp_path)
    assert again != first
    assert "is damaged, the agent gets a new key" in caplog.text
    assert enrolled(tmp_path) == again


def test_a_key_that_cannot_be_kept_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "desk.key").mkdir()
    with pytest.raises(ScudoError, match=r"desk\.key: the desk's key cannot be kept"):
        enrolled(tmp_path)
