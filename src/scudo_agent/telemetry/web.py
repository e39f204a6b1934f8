"""The agent's small web server: metrics, health, readiness, status.

Threads of its own, so that a large scrape or a slow reader never holds the event
loop. It listens on loopback unless told otherwise; but for a reload it only reads.
"""

import errno
import gzip
import json
import logging
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from scudo_agent.errors import PortInUseError, ScudoError
from scudo_agent.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

AT_ONCE = 16
"""Requests answered at the same time; further ones are turned away."""

_PATIENCE_S = 10.0
"""How long a client may take to send its request or to read the answer."""

_POLL_S = 0.25
_WORTH_PACKING = 1_000
_LINKS = ("/metrics", "/status", "/-/healthy", "/-/ready")
_RELOAD = "/-/reload"
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?P<q>[0-9.]+))?\s*(?:,|$)")
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
)
_INDEX = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
    "<meta name=viewport content='width=device-width'><title>scudo-agent</title>"
    "<style>body{{font:16px/1.5 system-ui;margin:2rem;color-scheme:light dark}}</style>"
    "<h1>scudo-agent</h1><ul>{links}</ul></html>\n"
)

_Page = tuple[str, str, bytes]
"""Status line, content type, body."""


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_S

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("%s %s", self.address_string(), format % args)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int]) -> None:
        self._free = BoundedSemaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for this host's name, which may hang.
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("telemetry: %s went away", client_address, exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


class TelemetryServer:
    """Serves one agent's telemetry; listens from construction on.

    `ready` says whether the agent works, and why not; `status` is the document that
    `/status` gives; `reload` reads the site file again and says what came of it, a
    status line and a text. They are called in the server's threads. Port 0 is any
    free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: Metrics,
        ready: Callable[[], tuple[bool, str]],
        status: Callable[[], Mapping[str, Any]],
        reload: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        self._metrics, self._ready, self._status = metrics, ready, status
        self._reload = reload
        self._server = _listen(host, port)
        self._server.set_app(self._answer)
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        host = str(self._server.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> None:
        """Begin to answer, in a thread that ends with the process."""
        self._thread = Thread(
            target=self._server.serve_forever,
            args=(_POLL_S,),
            name="telemetry",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening; answers under way may still be finished."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        method = str(environ["REQUEST_METHOD"])
        headers = list(_HEADERS)
        path = str(environ["PATH_INFO"])
        if path == _RELOAD and self._reload is not None:
            page = self._reloaded(method, environ, self._reload)
            headers.append(("Allow", "POST, PUT"))
        elif method not in ("GET", "HEAD"):
            page = _text("405 Method Not Allowed", "only GET and HEAD\n")
            headers.append(("Allow", "GET, HEAD"))
        else:
            page = self._safe_page(path, environ)
        line, content_type, body = page
        headers += [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        if len(body) > _WORTH_PACKING and _takes_gzip(environ):
            body = gzip.compress(body, compresslevel=1)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response(line, headers)
        return [b"" if method == "HEAD" else body]

    def _reloaded(
        self, method: str, environ: WSGIEnvironment, act: Callable[[], tuple[str, str]]
    ) -> _Page:
        """Reload the site file, for somebody on this machine and no web page."""
        if method not in ("POST", "PUT"):
            return _text("405 Method Not Allowed", "only POST and PUT\n")
        peer = str(environ.get("REMOTE_ADDR", ""))
        if not _loopback(peer) or "HTTP_ORIGIN" in environ:
            return _text("403 Forbidden", "only from this machine itself\n")
        try:
            line, said = act()
        except (ScudoError, TimeoutError) as exc:
            why = str(exc) or "the agent does not answer"
            return _text("503 Service Unavailable", f"{why}\n")
        return _text(line, f"{said}\n")

    def _safe_page(self, path: str, environ: WSGIEnvironment) -> _Page:
        try:
            return self._page(path, environ)
        except (ScudoError, TimeoutError) as exc:
            why = str(exc) or "the agent does not answer"
            return _text("503 Service Unavailable", f"{why}\n")
        except Exception:  # noqa: BLE001 - the server's edge: no traceback gets out
            _log.exception("telemetry: %s failed", path)
            return _text("500 Internal Server Error", "failed, see the agent's log\n")

    def _page(self, path: str, environ: WSGIEnvironment) -> _Page:
        match path:
            case "/metrics":
                accept = str(environ.get("HTTP_ACCEPT", ""))
                body, content_type = self._metrics.exposition(accept)
                return "200 OK", content_type, body
            case "/-/healthy":
                return _text("200 OK", "healthy\n")
            case "/-/ready":
                ready, reason = self._ready()
                line = "200 OK" if ready else "503 Service Unavailable"
                return _text(line, f"{reason or 'ready'}\n")
            case "/status":
                document = json.dumps(self._status(), ensure_ascii=False, default=str)
                return "200 OK", "application/json", f"{document}\n".encode()
            case "/":
                links = "".join(f"<li><a href={link}>{link}</a>" for link in _LINKS)
                page = _INDEX.format(links=links).encode()
                return "200 OK", "text/html; charset=utf-8", page
            case _:
                return _text("404 Not Found", "there is nothing here; see /\n")


def _text(line: str, body: str) -> _Page:
    return line, "text/plain; charset=utf-8", body.encode()


def _loopback(peer: str) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _takes_gzip(environ: WSGIEnvironment) -> bool:
    found = _GZIP.search(str(environ.get("HTTP_ACCEPT_ENCODING", "")).lower())
    return found is not None and (found["q"] or "1").strip("0.") != ""


def _listen(host: str, port: int) -> _Server:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except OSError as exc:
        raise ScudoError(f"cannot listen on {host}:{port}: {exc.strerror}") from None
    kind = _Server6 if family == socket.AF_INET6 else _Server
    try:
        return kind((host, port))
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {port} on {host} is in use by another process"
            ) from None
        raise ScudoError(f"cannot listen on {host}:{port}: {exc.strerror}") from None
