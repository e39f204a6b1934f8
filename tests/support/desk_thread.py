"""A desk served on loopback by a thread's own loop, for blocking clients."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scudo_agent.desk import app
from support.desking import HandClock, Outbound, quick, settings


@contextmanager
def served_desk(
    folder: Path, *, mails: bool = False, **changes: Any
) -> Iterator[app.Desk]:
    """Start, serve, and close at the end; its mails stay in the outbox.

    With `mails` they leave by themselves, as the settings say.
    """
    loop = asyncio.new_event_loop()
    desk = app.build(
        settings(folder, **({"url": None} | changes)),
        clock=HandClock(),
        transport=None if mails else Outbound(),
        rng=random.Random(1),
        passwords=quick(),
    )
    desk.bind()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(desk.start(mails=mails), loop).result(30)
    serving = asyncio.run_coroutine_threadsafe(desk.serve(), loop)
    try:
        yield desk
    finally:
        asyncio.run_coroutine_threadsafe(desk.close(), loop).result(30)
        serving.result(30)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(
            30
        )
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
