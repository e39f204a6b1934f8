"""TLS for probing: contexts made once, and what went wrong in words."""

import ssl
from pathlib import Path

from scudo_agent.probes.foreign import one_line
from scudo_agent.text import T, Text

_EXPIRED = 10
_NOT_YET_VALID = 9
_SELF_SIGNED = (18,)
_UNKNOWN_ISSUER = (2, 19, 20, 21)
_WRONG_NAME = (62, 64)


def context(*, verify: bool, ca: str | None) -> ssl.SSLContext:
    """A context for many connections; costs some 30 ms, mostly reading the CAs.

    `ca` is a file with the only certificates that are trusted. Raises `OSError`
    or `ssl.SSLError` if it cannot be used.
    """
    made = ssl.create_default_context(cafile=ca) if verify else _trusting()
    made.set_alpn_protocols(["http/1.1"])
    return made


def _trusting() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def check_ca(ca: str) -> None:
    """Refuse a file of certificates that cannot be read, by `ValueError`."""
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
    match exc.verify_code:
        case code if code == _EXPIRED:
            return T("the certificate has expired ({where})", where=where)
        case code if code == _NOT_YET_VALID:
            return T("the certificate is not yet valid ({where})", where=where)
        case code if code in _WRONG_NAME:
            return T(
                "the certificate is not for {name} ({where})", name=name, where=where
            )
        case code if code in _SELF_SIGNED:
            return T(
                "chain is not trusted: the certificate is self-signed ({where})",
                where=where,
            )
        case code if code in _UNKNOWN_ISSUER:
            return T(
                "chain is not trusted: its issuer is not known ({where})", where=where
            )
        case _:
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
