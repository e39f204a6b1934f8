"""The desk's pages."""

from collections.abc import Callable

from fastapi import FastAPI

from scudo_agent.desk.settings import DeskSettings
from scudo_agent.desk.store.desk_store import DeskStore


def add_pages(
    app: FastAPI, store: DeskStore, settings: DeskSettings, url: Callable[[], str]
) -> None:
    """Add all pages to the application."""
