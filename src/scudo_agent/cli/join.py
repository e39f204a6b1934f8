"""`scudo-agent join URL TOKEN`: become the agent that a desk has invited.

The token carries the fingerprint of the desk's certificate authority. It is
compared before anything secret is sent, and kept: from then on this desk alone is
believed. The key is made here and never leaves this machine.
"""

import argparse
import ssl
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scudo_agent.cli.common import private
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.files import private_file

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 30.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LIMIT = 64 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `join`."""
    parser.add_argument("url", metavar="URL", help="the desk, as 'desk invite' says")
    parser.add_argument("token", metavar="TOKEN", help="works once, for an hour")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where site.yaml is or will be (default: here)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="put a new key in the old one's place"
    )


def run(args: argparse.Namespace) -> int:
    """Join, write key and authority, and say what comes next."""
    from scudo_agent.desk.auth import fingerprint, new_key

    private()
    url = _url(args.url)
    secret, _, pinned = args.token.partition(".")
    key_file, ca_file = args.folder / "desk.key", args.folder / "desk-ca.pem"
    if key_file.exists() and not args.replace:
        raise InputError(
            f"{key_file}: this agent has a key; with --replace it gets a new one"
        )
    authority = _authority(url, pinned)
    key = _kept(args.folder) or new_key()
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        # Kept first: asked again after a lost reply, the same key is shown.
        private_file(_fresh(args.folder), f"{key}\n".encode())
        if authority is not None:
            private_file(ca_file, authority)
        body = {"token": secret, "key_sha256": fingerprint(key)}
        joined = _post(f"{url}/v1/join", body, authority)
        _fresh(args.folder).replace(key_file)
    except OSError as exc:
        raise ScudoError(f"{args.folder}: cannot be written: {exc.strerror}") from None
    print(f"joined as {joined['agent_id']}; the key is in {key_file}")
    _next(args.folder, url, joined, pinned=authority is not None)
    return 0


def _fresh(folder: Path) -> Path:
    return folder / "desk.key.joining"


def _kept(folder: Path) -> str | None:
    """The key of an attempt whose reply was lost."""
    from scudo_agent.desk.auth import is_key

    try:
        key = _fresh(folder).read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return key if is_key(key) else None


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"'{text}' is no URL of a desk")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise InputError(
            f"{text}: without TLS only a desk on this machine is joined; on the desk's "
            "machine 'scudo-agent desk tls' makes a certificate"
        )
    return text.rstrip("/")


def _authority(url: str, pinned: str) -> bytes | None:
    """The desk's authority, if it is the one in the token; nothing is told before."""
    if url.startswith("http:"):
        return None
    if not pinned:
        return None  # a public certificate, which this machine's authorities vouch for
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    reply = _ask("GET", f"{url}/v1/ca", None, blind)
    try:
        found = x509.load_pem_x509_certificate(reply.content[:_LIMIT])
    except ValueError:
        found = None
    der = b"" if found is None else found.public_bytes(Encoding.DER)
    if found is None or sha256(der).hexdigest() != pinned:
        raise ScudoError(
            f"{url}: is not the desk that invited: its certificate authority is "
            "another one. Nothing was told to it; somebody may stand in between"
        )
    return found.public_bytes(Encoding.PEM)


def _post(url: str, body: dict[str, str], authority: bytes | None) -> dict[str, Any]:
    context = None
    if url.startswith("https:"):
        pem = None if authority is None else authority.decode()
        context = ssl.create_default_context(cadata=pem)
    reply = _ask("POST", url, body, context)
    if reply.status_code == 403:
        raise InputError(
            "the desk knows no such invitation: it is used, older than an hour, or "
            "mistyped; ask for another one"
        )
    if not reply.is_success:
        raise ScudoError(f"{url}: the desk answered {reply.status_code}")
    try:
        data: dict[str, Any] = reply.json()
        return {key: data[key] for key in _SAID}
    except (ValueError, KeyError, TypeError):
        raise ScudoError(f"{url}: no desk answers so") from None


_SAID = (
    *("agent_id", "customer_id", "customer", "mail", "language"),
    *("site_id", "timezone", "contract_id"),
)


def _ask(
    method: str, url: str, body: dict[str, str] | None, context: ssl.SSLContext | None
) -> "httpx.Response":
    import httpx

    try:
        return httpx.request(
            method,
            url,
            json=body,
            verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
    except (httpx.HTTPError, OSError) as exc:
        reason = str(exc) or type(exc).__name__
        raise ScudoError(f"{url}: the desk cannot be asked: {reason}") from None


def _next(folder: Path, url: str, joined: dict[str, Any], *, pinned: bool) -> None:
    """Write a site file to begin with, or say what the one there needs."""
    ca = ", ca: desk-ca.pem" if pinned else ""
    desk = f"desk: {{url: '{url}', key: 'file:desk.key'{ca}}}"
    site = folder / "site.yaml"
    if site.exists():
        print(f"in {site} put:\n\n{desk}\n")
        print(f"then: scudo-agent check {site} && scudo-agent run {site}")
        return
    private_file(site, _skeleton(joined, desk).encode())
    print(f"{site} says which customer and which desk; fill in what is to be watched,")
    print(f"then: scudo-agent check {site} && scudo-agent run {site}")


def _skeleton(joined: dict[str, Any], desk: str) -> str:
    import json

    words = {"name": "customer", "mail": "mail", "language": "language"}
    said = ", ".join(
        f"{key}: {json.dumps(joined[field], ensure_ascii=False)}"
        for key, field in words.items()
    )
    contract = f"contract: {joined['contract_id']}\n" if joined["contract_id"] else ""
    return f"""\
version: 1
site: {joined["site_id"]}
customer: {{id: {joined["customer_id"]}, {said}}}
timezone: {joined["timezone"]}
{desk}
{contract}\
# What is to be watched: docs/configure.md.
targets:
  here: {{local: true, checks: {{disk: {{host: {{disk: /, warn: 85%}}}}}}}}
services: {{}}
"""
