"""A real Prometheus that scrapes one address, and its query API."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from support.ports import free_port

DEADLINE_S = 40.0
_Found = TypeVar("_Found")


class Prometheus:
    """A running server, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str) -> Any:
        """The data of one call of the API."""
        asked = urllib.parse.urlencode(query)
        with urllib.request.urlopen(f"{self.url}{path}?{asked}", timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
            return document["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        data: dict[str, Any] = self.get("/api/v1/query", query=expression)
        found: list[dict[str, Any]] = data["result"]
        return found

    def wait(self, expression: str) -> list[dict[str, Any]]:
        """The series, as soon as there are any."""
        return _until(lambda: self.query(expression), expression)


def _until(ask: Callable[[], _Found], what: str) -> _Found:
    """Ask again and again until something is there."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with suppress(urllib.error.URLError, ConnectionError):
            found = ask()
            if found:
                return found
        # The server says nothing by itself: asking is all there is.
        time.sleep(0.2)
    raise AssertionError(f"Prometheus gave nothing for {what} in {DEADLINE_S} s")


@contextmanager
def scraping(address: str, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `address` (host:port) each second."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "- job_name: scudo\n"
        f"  static_configs: [{{targets: ['{address}']}}]\n",
        encoding="utf-8",
    )
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            server = Prometheus(f"http://127.0.0.1:{port}")
            _until(lambda: server.get("/api/v1/status/runtimeinfo"), "its start")
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
