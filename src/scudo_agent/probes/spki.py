"""The public key of a server that a check trusts in its own way."""

import asyncio
import base64
import hashlib
import ssl

from scudo_agent.probes import tls_fault
from scudo_agent.probes.connect import NoAnswerError, Resolved
from scudo_agent.probes.dial import attached, connected
from scudo_agent.probes.http_url import Url


async def key_of(to: Resolved, url: Url, trust: tuple[bool, str | None]) -> str:
    """Base64 of the SHA-256 of the key (SPKI) that the server shows.

    `trust` is the check's: whether certificates are verified and by which file.
    `NoAnswerError` when the check would not have trusted it either.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    context = await tls_fault.made(verify=trust[0], ca=trust[1])
    where = to.where(url.port)
    sock = await connected(to, url.port)
    try:
        transport = await attached(
            asyncio.Protocol, sock, where=where, context=context, name=url.host
        )
    except ssl.SSLError as exc:
        raise NoAnswerError(tls_fault.words(exc, where, url.host)) from None
    try:
        shown = transport.get_extra_info("ssl_object").getpeercert(True)
    finally:
        transport.abort()
    key = x509.load_der_x509_certificate(shown).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode("ascii")
