"""Mails that nobody's program writes: too large, too many, too deep, or lying."""

import base64
import io
import zipfile
from collections.abc import Iterator

_HEAD = (
    "From: mario@acme.example\r\nTo: desk@provider.example\r\nSubject: {subject}\r\n"
    "Message-ID: <{name}@acme.example>\r\n{more}\r\n"
)


def hostile(*, large: bool = True) -> Iterator[tuple[str, bytes]]:
    """Each with its name; `large`: those of 25 MB, too."""
    yield "empty", b""
    yield "no_head", b"\r\n\r\n"
    yield "nul_bytes", _mail("nul", body="a\x00b\x00" * 100)
    yield "nul_in_head", _mail("nul2", subject="a\x00b")
    yield "bracket_id", b"Message-ID: <[]>\r\nFrom: a@b.example\r\n\r\nx"
    yield (
        "no_charset",
        _mail("cs", more="Content-Type: text/plain; charset=no-such\r\n"),
    )
    yield "bad_base64", _mail("b64", more="Content-Transfer-Encoding: base64\r\n")
    yield "bidi", _mail("bidi", subject="=?utf-8?q?=E2=80=AEfdp=2Eexe?=")
    yield "injects", _mail("inj", subject="=?utf-8?q?a=0D=0ABcc=3A_x=40evil.example?=")
    yield (
        "injects_id",
        b"From: it@acme.example\r\nMessage-ID: <a\r\n\tBcc: x@y>\r\n\r\nx",
    )
    yield "many_addresses", _mail("to", more=f"Cc: {'a@b.example, ' * 20_000}c@d\r\n")
    yield "many_froms", b"From: a@b.example, c@d.example\r\n\r\nx"
    yield "long_line", _mail("line", body="a" * 2_000_000)
    yield "many_lines", _mail("lines", body="-\r\n" * 700_000)
    yield "many_headers", b"X-A: b\r\n" * 50_000 + b"\r\nx"
    yield "long_head", b"X-A: " + b"b" * 2_000_000 + b"\r\n\r\nx"
    yield "words_without_end", _mail("enc", subject="=?utf-8?q?a?= " * 5_000)
    yield "many_parts", _parts(10_000)
    yield "deep_mails", _deep(500)
    yield "deep_parts", _nested(500)
    yield (
        "open_tags",
        _mail("html", body="<div><!--" * 60_000, more="Content-Type: text/html\r\n"),
    )
    yield "zip_bomb", _zipped()
    yield "left_out", b"X-Scudo-Left-Out: 12x\r\nFrom: a@b.example\r\n\r\nx"
    if large:
        yield "large", _mail("large", body="x" * 26 * 1024 * 1024)


def _mail(
    name: str, *, subject: str = "Ciao", body: str = "x", more: str = ""
) -> bytes:
    return (_HEAD.format(subject=subject, name=name, more=more) + body).encode()


def _parts(many: int) -> bytes:
    more = 'Content-Type: multipart/mixed; boundary="b"\r\n'
    return _mail("parts", more=more, body="--b\r\n\r\nx\r\n" * many + "--b--\r\n")


def _deep(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"x"


def _nested(depth: int) -> bytes:
    lines = [
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'
        for n in range(depth)
    ]
    return "".join(lines).encode() + b"\r\nx"


def _zipped() -> bytes:
    """10 MB of zeros in 10 kB: nothing of ours looks into it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a", b"\x00" * 10_000_000)
    body = base64.encodebytes(file.getvalue()).decode()
    more = (
        'Content-Type: application/zip; name="a.zip"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
    )
    return _mail("zip", more=more, body=body)
