"""Sessions of gufo-snmp with devices: opened, kept, dropped, and their faults.

A session is kept only while it answers. After any fault it is dropped, so that
a late answer is never taken for the next one's, and a device that came back as
another (new engine, other keys) is met anew.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gufo.snmp import SnmpAuthError, SnmpDecodeError, SnmpError, SnmpVersion
from gufo.snmp import user as usm
from gufo.snmp.aio import SnmpSession

from scudo_agent.config.secret import Secret
from scudo_agent.config.site import SnmpCredential
from scudo_agent.probes.connect import (
    NoAnswerError,
    Resolved,
    failure,
    resolve,
    waiting_for,
)
from scudo_agent.probes.foreign import one_line
from scudo_agent.probes.port import Job
from scudo_agent.probes.snmp_diagnose import Diagnoses, Symptom
from scudo_agent.probes.snmp_value import Raw
from scudo_agent.text import T, Text

_R = TypeVar("_R")

_log = logging.getLogger(__name__)

VERSIONS = {1: "v1", 2: "v2c", 3: "v3"}

_AUTH: Mapping[str, type[usm.BaseAuthKey]] = {
    "md5": usm.Md5Key,
    "sha1": usm.Sha1Key,
    "sha224": usm.Sha224Key,
    "sha256": usm.Sha256Key,
    "sha384": usm.Sha384Key,
    "sha512": usm.Sha512Key,
}
_PRIV: Mapping[str, type[usm.BasePrivKey]] = {
    "aes128": usm.Aes128Key,
    "aes192": usm.Aes192Key,
    "aes256": usm.Aes256Key,
}
_RESYNC_S = 120.0
"""An SNMPv3 session idle for longer asks for the device's time first: the
window of RFC 3414 2.2.3 is 150 s."""

_SILENT = T("no answer: down, filtered or wrong community")
_SILENT_V3 = T("no answer: down or filtered")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a session is with, and as whom."""

    to: Resolved
    port: int
    credential: SnmpCredential

    @property
    def host(self) -> str:
        """The IP address, with the scope of a link-local one."""
        return f"{self.to.ip}%{self.to.scope_id}" if self.to.scope_id else self.to.ip

    @property
    def where(self) -> str:
        """Address and port as people read them."""
        return self.to.where(self.port)


@dataclass(frozen=True, slots=True)
class Answer:
    """Values by OID (absent: no such object), the version and the time it took."""

    values: Mapping[str, Raw]
    version: str
    took_s: float


class Session(SnmpSession):
    """gufo's session with one lasting reader and no deadline of its own.

    gufo adds and removes a reader and a timer for each answer, which is half of
    its cost; the run's deadline is enough. `close` must be called.
    """

    _awaited: "asyncio.Future[None] | None" = None
    _reading = False

    async def _recv(self, receiver: Callable[[], _R]) -> _R:
        loop = asyncio.get_running_loop()
        while True:
            self._awaited = loop.create_future()
            if not self._reading:
                loop.add_reader(self._fd, self._readable)
                self._reading = True
            await self._awaited
            try:
                return receiver()
            except BlockingIOError:  # it was the answer to another question
                continue
            except BaseException as exc:
                # gufo's parser panics on some damaged packets, and a panic is no
                # Exception: it would end the run's task without an outcome.
                if type(exc).__name__ != "PanicException":
                    raise
                raise SnmpDecodeError("damaged beyond parsing") from None

    def _readable(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        else:
            self.close()  # unasked: left in the socket till the next question

    def close(self) -> None:
        """Stop reading; the socket closes when the session is forgotten."""
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._reading = False


@dataclass(slots=True)
class _Held:
    session: Session
    used_at: float


@dataclass(slots=True)
class _Peer:
    """A target and the sessions with it that nobody uses now."""

    target: Target
    idle: list[_Held]


class Sessions:
    """All sessions of an engine, and what is known of the SNMPv3 devices."""

    def __init__(self) -> None:
        self._peers: dict[object, _Peer] = {}
        self._users: dict[SnmpCredential, usm.User] = {}
        self._diagnoses = Diagnoses()

    async def close(self) -> None:
        """Close every socket."""
        for peer in self._peers.values():
            for held in peer.idle:
                held.session.close()
        self._peers.clear()
        await self._diagnoses.close()

    async def get(self, job: Job, port: int, oids: Sequence[str]) -> Answer:
        """Ask for `oids` in one request; `NoAnswerError` says what went wrong."""
        credential = job.credential
        if not isinstance(credential, SnmpCredential) or job.address is None:
            seen = T("the target has no SNMP credentials")
            raise NoAnswerError(seen, own_fault=True)
        peer = self._peer(await resolve(job.address, job.allowed), port, credential)
        target = peer.target
        waiting_for.set(_silence(credential))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            held, values = await self._ask(peer, oids, job.timeout_s)
        except SnmpAuthError:
            raise await self._refused(target) from None
        except (SnmpError, OSError) as exc:
            raise _fault(exc, target) from None
        held.used_at = loop.time()
        peer.idle.append(held)
        if credential.version == 3:
            self._diagnoses.forget(target.where)
        return Answer(values, VERSIONS[credential.version], held.used_at - started)

    def _peer(self, to: Resolved, port: int, credential: SnmpCredential) -> _Peer:
        # A peer keeps its credential, so that no other one can get its id.
        key = (to.ip, to.scope_id, port, id(credential))
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = _Peer(Target(to, port, credential), [])
        return peer

    async def _ask(
        self, peer: _Peer, oids: Sequence[str], timeout_s: float
    ) -> tuple[_Held, Mapping[str, Raw]]:
        if peer.idle:
            held = peer.idle.pop()
            try:
                return held, await _used(held.session, self._again(held, peer, oids))
            except SnmpAuthError:
                # The device started anew, and its clock with it: meet it again.
                _log.debug("%s started anew", peer.target.where)
        session, asking = await self._opened(peer.target, oids, timeout_s)
        return _Held(session, 0), await _used(session, asking)

    async def _again(
        self, held: _Held, peer: _Peer, oids: Sequence[str]
    ) -> Mapping[str, Raw]:
        idle_s = asyncio.get_running_loop().time() - held.used_at
        if peer.target.credential.version == 3 and idle_s > _RESYNC_S:
            await held.session.refresh()
        return await held.session.get_many(oids)

    async def _opened(
        self, target: Target, oids: Sequence[str], timeout_s: float
    ) -> tuple[Session, Coroutine[Any, Any, Mapping[str, Raw]]]:
        """A new session, and what is to be awaited for its first answer."""
        if target.credential.version != 3:
            session = _plain(target)
            return session, session.get_many(oids)
        session = Session(
            target.host,
            target.port,
            engine_id=await _discovered(target),
            user=self._user(target.credential),
        )

        async def ask() -> Mapping[str, Raw]:
            await session.refresh()
            return await session.get_many(oids)

        if target.credential.priv is None:
            return session, ask()
        return session, self._watched(ask(), target, timeout_s)

    async def _watched(
        self,
        asking: Coroutine[Any, Any, Mapping[str, Raw]],
        target: Target,
        timeout_s: float,
    ) -> Mapping[str, Raw]:
        """Await an answer; silence for half the time calls for the diagnosis.

        The device has told its engine a moment ago, so it is not down: a
        privacy key that it cannot use makes it silent. The answer is still
        awaited meanwhile, till the run's deadline.
        """
        task = asyncio.get_running_loop().create_task(asking)
        try:
            await asyncio.wait({task}, timeout=timeout_s / 2)
            if not task.done():
                waiting_for.set(T("no answer since the device told its SNMPv3 engine"))
                words = self._diagnoses.begin(target, Symptom.SILENT)
                either: set[asyncio.Future[Any]] = {task, words}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                found = words.result() if words.done() else None
                waiting_for.set(found or waiting_for.get())
            return await task
        finally:
            task.cancel()

    async def _refused(self, target: Target) -> NoAnswerError:
        """The error of a device that refuses the user or its keys."""
        refused = T("the device refuses the SNMPv3 user or its keys")
        waiting_for.set(refused)
        words = await asyncio.shield(self._diagnoses.begin(target, Symptom.REFUSED))
        return NoAnswerError(words or refused)

    def _user(self, credential: SnmpCredential) -> usm.User:
        """The credential for gufo, its passwords hashed once (1 MB of SHA each)."""
        user = self._users.get(credential)
        if user is None:
            user = self._users[credential] = _user(credential)
        return user


async def _used(session: Session, asking: Coroutine[Any, Any, _R]) -> _R:
    """Await the answer; a session that gave none is closed."""
    try:
        return await asking
    except BaseException:
        session.close()
        raise


async def _discovered(target: Target) -> bytes:
    """The device's engine id: asked for by each new session, needs no user."""
    stranger = Session(target.host, target.port, user=usm.User.default())
    try:
        await stranger.refresh()
        return stranger.get_engine_id()
    finally:
        stranger.close()


def _plain(target: Target) -> Session:
    return Session(
        target.host,
        target.port,
        community=_reveal(target.credential.community),
        version=SnmpVersion.v1 if target.credential.version == 1 else SnmpVersion.v2c,
    )


def _user(credential: SnmpCredential) -> usm.User:
    if credential.auth is None:
        return usm.User(credential.user or "")
    auth = _AUTH[credential.auth]

    def master(secret: Secret | None) -> bytes:
        return auth.get_master_key(_reveal(secret).encode())

    priv = None
    if credential.priv is not None:
        kind = _PRIV[credential.priv]
        priv = kind(master(credential.priv_key), usm.KeyType.Master)
    key = auth(master(credential.auth_key), usm.KeyType.Master)
    return usm.User(credential.user or "", auth_key=key, priv_key=priv)


def _reveal(secret: Secret | None) -> str:
    return secret.reveal() if secret is not None else ""


def _silence(credential: SnmpCredential) -> Text:
    """What silence means: all that can be said (`dependencies.md`, SNMP)."""
    return _SILENT_V3 if credential.version == 3 else _SILENT


def _fault(exc: SnmpError | OSError, target: Target) -> NoAnswerError:
    where = target.where
    if isinstance(exc, TimeoutError):
        # gufo says so of a socket error: the answer was an ICMP message.
        return NoAnswerError(T("nothing answers at {where}: port closed", where=where))
    if isinstance(exc, OSError):
        outcome = failure(_with_errno(exc), where)
        return NoAnswerError(outcome.seen, own_fault=outcome.answered is None)
    if isinstance(exc, SnmpDecodeError):
        return NoAnswerError(T("the answer of {where} is no valid SNMP", where=where))
    return NoAnswerError(
        T(
            "{where} answers with an error: {error}",
            where=where,
            error=one_line(str(exc)),
        )
    )


def _with_errno(exc: OSError) -> OSError:
    """gufo gives the number of an error only within its text."""
    found = _OS_ERROR.search(str(exc))
    if exc.errno is None and found:
        return OSError(int(found[1]), str(exc))
    return exc
