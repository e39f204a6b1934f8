"""A contract file's data in the one form in which it is stored and compared.

A number with a decimal point becomes the text that stands in the file, since a
float is another number (`99.9`) and `99.0` and `99` are the same promise written
twice. Everything else is what YAML read.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from scudo_agent.config.document import Document
from scudo_agent.wire import canonical

Body = Mapping[str, Any]
"""A contract as JSON; decimals are texts."""


def body_of(doc: Document) -> Body:
    """The body of a contract file that was found to be sound."""
    body = _exact(doc, doc.data, ())
    assert isinstance(body, dict)
    return body


def body_sha256(body: Body) -> str:
    """What tells one version of a contract from another."""
    return sha256(canonical(body)).hexdigest()


def _exact(doc: Document, value: Any, loc: Sequence[str | int]) -> Any:
    if isinstance(value, dict):
        return {key: _exact(doc, one, (*loc, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_exact(doc, one, (*loc, place)) for place, one in enumerate(value)]
    if isinstance(value, float):
        return doc.text(loc) or str(value)
    return value
