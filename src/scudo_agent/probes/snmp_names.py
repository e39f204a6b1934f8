"""Names of SNMP objects: from `IF-MIB::ifOperStatus.2` to an OID and its words.

pysnmp reads the modules of pysnmp-mibs, offline, when a site file is loaded and
only if it has a symbolic name: that costs about 0.3 s once and nothing later
(`docs/decisions/snmp-http-tls.md`). Polling knows only OIDs.
"""

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

_DOTTED = re.compile(r"\.?\d+(\.\d+)+")
_SYMBOLIC = re.compile(
    r"(?P<module>[A-Za-z][A-Za-z0-9-]*)::(?P<object>[A-Za-z][A-Za-z0-9-]*)"
    r"(?P<index>(\.\d+)+|\.\"[^\"]*\")?"
)
_MAX_ARCS = 128
_MAX_ARC = 2**32 - 1


class Syntax(Enum):
    """What kind of value an object has, as far as probing must know it."""

    NUMBER = "number"
    TICKS = "hundredths of a second"
    TEXT = "text"
    ANY = "not known"


@dataclass(frozen=True, slots=True)
class SnmpObject:
    """One object that can be asked for.

    `name` is what people read, `oid` is dotted and has no leading dot, `words`
    are the names of the values of an enumerated object.
    """

    name: str
    oid: str
    syntax: Syntax = Syntax.ANY
    words: Mapping[int, str] = field(default_factory=dict)


@lru_cache(maxsize=8192)
def resolve(name: str) -> SnmpObject:
    """The object of a dotted OID or of a name of the standard MIBs.

    Raises `ValueError` that says what would be right.
    """
    name = name.strip()
    if _DOTTED.fullmatch(name):
        return SnmpObject(name.lstrip("."), _checked(name.lstrip(".")))
    match = _SYMBOLIC.fullmatch(name)
    if not match:
        raise ValueError(
            f"'{name}' is neither an OID such as 1.3.6.1.2.1.1.3.0 "
            "nor a name such as IF-MIB::ifOperStatus.2"
        )
    return _symbolic(match["module"], match["object"], match["index"] or "")


def _checked(oid: str) -> str:
    arcs = [int(arc) for arc in oid.split(".")]
    if arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"'{oid}' is no OID: it begins with 0 to 2, then 0 to 39")
    if len(arcs) > _MAX_ARCS or max(arcs) > _MAX_ARC:
        raise ValueError(
            f"'{oid}' is no OID: at most {_MAX_ARCS} numbers, each below 2^32"
        )
    return ".".join(map(str, arcs))


def _symbolic(module: str, label: str, index: str) -> SnmpObject:
    full = f"{module}::{label}"
    symbols = _module(module, full)
    node = symbols.get(label)
    kind = type(node).__name__
    if node is None or kind not in _ASKABLE:
        raise ValueError(_unknown(full, module, label, symbols))
    if kind not in ("MibScalar", "MibTableColumn"):
        raise ValueError(f"'{full}' is a table, which has no value of its own")
    if node.maxAccess.replace("-", "") in ("notaccessible", "accessiblefornotify"):
        raise ValueError(f"'{full}' cannot be read (its access is {node.maxAccess})")
    arcs = _index(full, index, is_column=kind == "MibTableColumn", symbols=symbols)
    oid = _checked(".".join(map(str, (*node.name, *arcs))))
    syntax, words = _syntax(node.syntax)
    return SnmpObject(full + index, oid, syntax, words)


_ASKABLE = ("MibScalar", "MibTableColumn", "MibTable", "MibTableRow")


def _index(
    full: str, index: str, *, is_column: bool, symbols: Mapping[str, Any]
) -> tuple[int, ...]:
    if is_column and not index:
        raise ValueError(f"'{full}' is a column: name a row, such as {full}.1")
    if not is_column:
        if index != ".0":
            raise ValueError(f"'{full}' is a single value: write {full}.0")
        return (0,)
    if not index.startswith('."'):
        return tuple(int(arc) for arc in index[1:].split("."))
    text = tuple(index[2:-1].encode())
    column = tuple(symbols[full.partition("::")[2]].name)
    rows = (s for s in symbols.values() if type(s).__name__ == "MibTableRow")
    implied = any(
        row.get_index_names()[-1][0] for row in rows if tuple(row.name) == column[:-1]
    )
    return text if implied else (len(text), *text)


def _syntax(syntax: Any) -> tuple[Syntax, Mapping[int, str]]:
    bases = {base.__name__ for base in type(syntax).__mro__}
    if "TimeTicks" in bases:
        return Syntax.TICKS, {}
    if "Integer" in bases:
        return Syntax.NUMBER, {n: word for word, n in syntax.namedValues.items()}
    if "OctetString" in bases and "Opaque" not in bases:
        return Syntax.TEXT, {}
    return Syntax.ANY, {}


def _unknown(full: str, module: str, label: str, symbols: Mapping[str, Any]) -> str:
    known = [n for n, s in symbols.items() if type(s).__name__ in _ASKABLE]
    guess = _closest(label, known)
    hint = f"; did you mean '{module}::{guess}'?" if guess else ""
    return f"'{full}' is no object of the MIBs known here{hint}"


def _closest(word: str, known: Iterable[str]) -> str | None:
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _module(module: str, full: str) -> Mapping[str, Any]:
    """The symbols of a MIB module; `ValueError` if there is none of that name."""
    from pysnmp.smi import error

    known = _modules()
    if module not in known:
        guess = _closest(module, known)
        hint = f"; did you mean '{guess}'?" if guess else ""
        raise ValueError(
            f"'{full}' is no object of the MIBs known here: no module {module}{hint}"
        )
    builder = _builder()
    if module not in builder.mibSymbols:
        try:
            with warnings.catch_warnings():
                # pysnmp-mibs' modules use names that pysnmp 7 has renamed.
                warnings.simplefilter("ignore", DeprecationWarning)
                builder.load_modules(module)
        except error.SmiError:
            raise ValueError(
                f"the MIB {module} cannot be read here; give the OID in numbers"
            ) from None
    symbols: Mapping[str, Any] = builder.mibSymbols[module]
    return symbols


@lru_cache(maxsize=1)
def _folders() -> tuple[Path, ...]:
    names = ("pysnmp.smi.mibs", "pysnmp_mibs")
    return tuple(Path(str(files(name))) for name in names)


@lru_cache(maxsize=1)
def _modules() -> frozenset[str]:
    found = (file for folder in _folders() for file in folder.glob("*.py"))
    return frozenset(f.stem for f in found if not f.stem.startswith(("__", "ASN1")))


@lru_cache(maxsize=1)
def _builder() -> Any:
    from pysnmp.smi.builder import DirMibSource, MibBuilder

    builder = MibBuilder()
    builder.set_mib_sources(*(DirMibSource(str(folder)) for folder in _folders()))
    return builder
