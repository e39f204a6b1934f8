"""TLS for probing: contexts made once, and what went wrong in words."""

import asyncio
import ssl
from enum import Enum
from pathlib import Path

from scudo_agent.probes.connect import NoAnswerError
from scudo_agent.probes.foreign import one_line
from scudo_agent.text import T, Text


class Kind(Enum):
    """What a verification found wrong, by OpenSSL's numbers (x509_vfy.h)."""

    ENDED = (10,)
    NOT_BEGUN = (9,)
    SELF_SIGNED = (18,)
    ISSUER = (2, 19, 20, 21)
    NAME = (62, 64)
    OTHER = ()


def kind(exc: ssl.SSLCertVerificationError) -> Kind:
    """The kind of a failed verification."""
    return next((one for one in Kind if exc.verify_code in one.value), Kind.OTHER)


async def made(*, verify: bool, ca: str | None) -> ssl.SSLContext:
    """`context`, made in a thread; `NoAnswerError` if `ca` cannot be used now."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(None, lambda: context(verify=verify, ca=ca))
    except OSError as exc:  # an ssl.SSLError is one
        seen = T(
            "the file of trusted certificates cannot be read: {error}",
            error=one_line(str(exc)),
        )
        raise NoAnswerError(seen, own_fault=True) from None


def context(*, verify: bool, ca: str | None) -> ssl.SSLContext:
    """A context for many connections; costs some 30 ms, mostly reading the CAs.

    `ca` is a file with the only certificates that are trusted. Raises `OSError`
    or `ssl.SSLError` if it cannot be used.
    """
    if not verify:
        return _trusting()
    made = ssl.create_default_context(cafile=ca)
    if ca is not None:
        # Who names a certificate trusts that very one, whoever issued it.
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def _trusting() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def check_ca(ca: str | None) -> None:
    """Refuse a file of certificates that cannot be read, by `ValueError`."""
    if ca is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise ValueError(f"{Path(ca)} holds no certificates (PEM)") from None
    except OSError as exc:
        raise ValueError(f"{Path(ca)}: {exc.strerror}") from None


def words(exc: ssl.SSLError, where: str, name: str) -> Text:
    """What TLS with `where`, called `name`, failed on."""
    if not isinstance(exc, ssl.SSLCertVerificationError):
        return _protocol(exc, where)
    match kind(exc):
        case Kind.ENDED:
            return T("the certificate has expired ({where})", where=where)
        case Kind.NOT_BEGUN:
            return T("the certificate is not yet valid ({where})", where=where)
        case Kind.NAME:
            return T(
                "the certificate is not for {name} ({where})", name=name, where=where
            )
        case Kind.SELF_SIGNED:
            return T(
                "chain is not trusted: the certificate is self-signed ({where})",
                where=where,
            )
        case Kind.ISSUER:
            return T(
                "chain is not trusted: its issuer is not known ({where})", where=where
            )
        case Kind.OTHER:
            return T(
                "chain is not trusted: {error} ({where})",
                error=one_line(exc.verify_message),
                where=where,
            )


def closed(where: str) -> Text:
    """The other side ended the connection before the handshake was over."""
    return T("connection closed during the TLS handshake ({where})", where=where)


def _protocol(exc: ssl.SSLError, where: str) -> Text:
    reason = exc.reason or ""
    if isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "EOF" in reason:
        return closed(where)
    if reason in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"):
        return T("{where} does not speak TLS", where=where)
    return T(
        "the TLS handshake failed: {error} ({where})",
        error=one_line(reason.replace("_", " ").lower() or str(exc)),
        where=where,
    )
