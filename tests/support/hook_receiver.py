"""A receiver of webhooks on loopback: keeps what it gets, answers as told."""

import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any


@dataclass
class Receiver:
    """Where it listens, what it got, and the answers that are next (else 204)."""

    url: str = ""
    got: "Queue[tuple[dict[str, str], bytes]]" = field(default_factory=Queue)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def next(self, secret: str) -> dict[str, Any]:
        """What came, once its signature is that of the secret."""
        headers, body = self.got.get(timeout=20)
        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mark = base64.b64encode(hmac.new(key, said + body, sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{mark}"
        found: dict[str, Any] = json.loads(body)
        return found | {"id": headers["webhook-id"]}


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens until the end."""
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            here.got.put(({k.lower(): v for k, v in self.headers.items()}, body))
            status, headers = here.answers.pop(0) if here.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
