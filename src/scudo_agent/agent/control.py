"""What people tell a running agent: one request a connection, over a Unix socket.

The socket stands in the state folder, for the agent's own user (and root) alone.
Who asks is what the kernel says of the other end, never what the request says. A
request and its answer are one JSON object in a line each.
"""

import asyncio
import json
import logging
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scudo_agent.errors import InputError, ScudoError

SOCKET = "agent.sock"
DESK_SOCKET = "desk.sock"
LINE_LIMIT = 64 * 1024
"""Bytes of a request or an answer, at most."""

PATIENCE_S = 10.0

Document = dict[str, Any]
"""One JSON object."""

Handler = Callable[[Document, str], Awaitable[Document]]
"""Takes a request and who asks; what it returns is the answer."""

_log = logging.getLogger(__name__)


@contextmanager
def address(state: Path, socket_name: str = SOCKET) -> Iterator[str]:
    """The socket's address: however long the path is, the kernel takes 107 bytes."""
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_name}"
    finally:
        os.close(folder)


class Control:
    """Listens for requests while the agent runs."""

    def __init__(
        self, state: Path, handlers: dict[str, Handler], *, name: str = SOCKET
    ) -> None:
        self._path = state / name
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; the folder's lock says that no other agent does."""
        try:
            with suppress(FileNotFoundError):
                if stat.S_ISSOCK(self._path.lstat().st_mode):
                    self._path.unlink()  # left behind by a kill
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with address(self._path.parent, self._path.name) as name:
                listener.bind(name)
            self._path.chmod(0o600)
        except OSError as exc:
            raise ScudoError(
                f"{self._path}: cannot listen there: {exc.strerror}"
            ) from None
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=LINE_LIMIT
        )

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await _line(reader)
            answer = await self._answer(line, _peer(writer))
            async with asyncio.timeout(PATIENCE_S):
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, OSError):
            _log.debug("control: the other end went away")
        finally:
            writer.close()

    async def _answer(self, line: bytes | None, uid: int) -> Document:
        if line is None:
            return {"ok": False, "error": "the request is too long", "code": 2}
        try:
            if uid not in (0, os.geteuid()):
                raise ScudoError("the agent takes orders from its own user alone")
            request = _request(line)
            handler = self._handlers.get(str(request.get("do")))
            if handler is None:
                raise InputError(f"'{request.get('do')}' is nothing that an agent does")
            return {"ok": True, **await handler(request, _name(uid))}
        except ScudoError as exc:
            return {"ok": False, "error": str(exc), "code": exc.exit_code}


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """One line; None when it is too long."""
    try:
        return await reader.readline()
    except ValueError:
        return None


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError("the request is no JSON") from None
    if not isinstance(request, dict):
        raise InputError("the request is no JSON object")
    return request


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user id of the process at the other end."""
    connected = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", data)[1])


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
