"""Runs a scene on a fresh desk, in a loop of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from support.desking import Bench, bench

Scene = Callable[[Bench], Coroutine[Any, Any, None]]


def play(folder: Path, scene: Scene, **changes: Any) -> None:
    """Start a desk in `folder`, run the scene, close the desk."""

    async def scened() -> None:
        async with bench(folder, **changes) as made:
            await scene(made)

    asyncio.run(scened())
