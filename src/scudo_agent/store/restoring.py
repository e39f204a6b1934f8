"""Putting a backup in the place of an agent's store."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from scudo_agent.clock import Clock
from scudo_agent.dbfile import backup
from scudo_agent.dbfile.backup import Manifest
from scudo_agent.dbfile.mark import mark_closing
from scudo_agent.errors import StoreError
from scudo_agent.store.agent_store import LOCK, AgentStore
from scudo_agent.store.backup import AGENT
from scudo_agent.store.lock import FolderLock
from scudo_agent.store.migrations import STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put in place, and where that is kept which was there."""

    manifest: Manifest
    aside: Path | None


def restore(file: Path, folder: Path, *, site: str, clock: Clock) -> Restored:
    """Put a backup of `site` in place, while no agent runs on the folder.

    It gets another identity, so that the desk grants it an epoch of its own. The time
    between the backup and the next start is unknown in the account. `StoreError` for
    a running agent, another site's backup, one of a later version or a damaged one:
    nothing is changed then.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder}: cannot make it: {exc.strerror}") from None
    lock = FolderLock(folder / LOCK)
    try:
        manifest = backup.verify(file, AGENT, owner=site)
        if int(manifest.schema) > len(STEPS):
            raise StoreError(
                f"{file}: has schema {manifest.schema}, and this version knows "
                f"{len(STEPS)}; a later scudo-agent wrote it, use that one"
            )
        aside = _put(file, folder / AGENT.file, clock)
    finally:
        lock.release()
    store = AgentStore.open(folder, site=site, clock=clock, inline=True)
    try:
        asyncio.run(store.renew())
    finally:
        store.close()
    return Restored(manifest=manifest, aside=aside)


def _put(file: Path, path: Path, clock: Clock) -> Path | None:
    try:
        aside = None
        if path.exists():
            aside = backup.set_aside(path, "replaced", clock.wall())
        mark_closing(path)
        backup.put(file, path)
    except OSError as exc:
        raise StoreError(f"{path}: cannot be replaced: {exc.strerror}") from None
    return aside
