#!/usr/bin/env python3
"""The catalogue of texts: take it from the sources, update it, check it.

    scripts/messages.py extract   write locale/scudo.pot from the sources
    scripts/messages.py update    extract, and bring every LANGUAGE.po into line
    scripts/messages.py check     exit 1, one line a fault, if anything is amiss

Sentences are the literal first arguments of `T(…)` and `TN(…)` in Python and of
`t(…)` and `tn(…)` in templates. A translation is at fault when it is missing,
empty, fuzzy, no longer used, or has other named places than its sentence.
"""

import argparse
import ast
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, TemplateSyntaxError, nodes

from scudo_agent.locale.translator import PLACE

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/scudo_agent")
LOCALE = PACKAGE / "locale"
_CALLS = {"T": 1, "TN": 2, "t": 1, "tn": 2, "sentence": 1, "plural": 2}
_PYTHON = ("T", "TN", "sentence", "plural")
_TEMPLATE = ("t", "tn")
_STRICT = ("T", "TN", "t", "tn")
_HEADER = """\
# {title}
msgid ""
msgstr ""
"Project-Id-Version: scudo-agent\\n"
{language}"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{plural}
"""


@dataclass
class Found:
    """Sentences by id, with their plural and the files that use them."""

    plurals: dict[str, str | None] = field(default_factory=dict)
    places: dict[str, set[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, where: str, forms: list[str], names: set[str] | None) -> None:
        """Take one call; `names` are the values it gives, None if it cannot be told."""
        one, many = forms[0], forms[1] if len(forms) > 1 else None
        if self.plurals.setdefault(one, many) != many:
            self.faults.append(f"{where}: {one!r} has two different plurals")
        self.places.setdefault(one, set()).add(where.rpartition(":")[0])
        for form in forms:
            if any(char in form for char in "\n\t") or form != form.strip():
                self.faults.append(
                    f"{where}: {form!r} has white space at a wrong place"
                )
            if names is not None and (missing := places(form) - names):
                given = ", ".join(sorted(missing))
                self.faults.append(f"{where}: {form!r} is given no value for {given}")


def places(form: str) -> set[str]:
    """The names of the places in a sentence."""
    return {match[1] for match in PLACE.finditer(form)}


def extract(root: Path) -> Found:
    """All sentences of the sources below `root`."""
    found = Found()
    for path in sorted((root / PACKAGE).rglob("*.py")):
        _from_python(found, path, path.relative_to(root).as_posix())
    for folder in sorted((root / PACKAGE).rglob("templates")):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                _from_template(found, path, path.relative_to(root).as_posix())
    return found


def _from_python(found: Found, path: Path, name: str) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=name)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        word = called.id if isinstance(called, ast.Name) else ""
        word = called.attr if isinstance(called, ast.Attribute) else word
        if word not in _PYTHON:
            continue
        given: set[str] | None = {key.arg for key in node.keywords if key.arg}
        if any(key.arg is None for key in node.keywords):
            given = None
        arguments = [
            one.value if isinstance(one, ast.Constant) else None for one in node.args
        ]
        _take(found, f"{name}:{node.lineno}", word, arguments, given)


def _from_template(found: Found, path: Path, name: str) -> None:
    try:
        # Nothing is rendered here: the template is only parsed.
        tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    except TemplateSyntaxError as exc:
        found.faults.append(f"{name}:{exc.lineno}: {exc.message}")
        return
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in _TEMPLATE:
            given = {key.key for key in call.kwargs}
            arguments = [
                one.value if isinstance(one, nodes.Const) else None for one in call.args
            ]
            names = None if call.dyn_kwargs else given
            _take(found, f"{name}:{call.lineno}", call.node.name, arguments, names)


def _take(
    found: Found,
    where: str,
    word: str,
    arguments: Sequence[object],
    names: set[str] | None,
) -> None:
    forms = [one for one in arguments[: _CALLS[word]] if isinstance(one, str)]
    if len(forms) == _CALLS[word]:
        found.add(where, forms, names)
    elif word in _STRICT:
        found.faults.append(f"{where}: {word}(…) needs literal sentences")


def template(found: Found) -> str:
    """The text of `scudo.pot`."""
    catalogue = Catalog(charset="utf-8")
    for one, many in found.plurals.items():
        catalogue.add((one, many) if many else one, locations=_locations(found, one))
    return _HEADER.format(
        title="All texts of scudo-agent; made by scripts/messages.py.",
        language="",
        plural="",
    ) + _body(catalogue)


def _locations(found: Found, one: str) -> list[tuple[str, int]]:
    return [(place, 0) for place in sorted(found.places[one])]


def _body(catalogue: Catalog) -> str:
    out = io.BytesIO()
    write_po(
        out,
        catalogue,
        width=88,
        omit_header=True,
        sort_output=True,
        include_lineno=False,
        ignore_obsolete=True,
    )
    return out.getvalue().decode("utf-8")


def update(path: Path, found: Found) -> None:
    """Bring one catalogue into line: new sentences empty, unused ones gone."""
    with path.open("rb") as file:
        old = read_po(file)
    new = Catalog(locale=old.locale_identifier, charset="utf-8")
    for one, many in found.plurals.items():
        known = old.get(one)
        # A sentence that became plural, or the reverse, is translated anew.
        kept = known if known is not None and known.pluralizable == bool(many) else None
        new.add(
            (one, many) if many else one,
            kept.string if kept else "",
            locations=_locations(found, one),
            flags=kept.flags if kept else (),
        )
    head = _HEADER.format(
        title=f"Texts of scudo-agent: {path.stem}.",
        language=f'"Language: {path.stem}\\n"\n',
        plural=f'"Plural-Forms: {old.plural_forms}\\n"\n',
    )
    path.write_text(head + _body(new), encoding="utf-8")


def faults(path: Path, found: Found) -> Iterator[str]:
    """What is amiss in one catalogue."""
    name = path.name
    with path.open("rb") as file:
        catalogue = read_po(file)
    for message in [*catalogue, *catalogue.obsolete.values()]:
        one = message.id if isinstance(message.id, str) else message.id[0]
        if one and one not in found.plurals:
            yield f"{name}: {one!r} is used nowhere"
    for one, many in found.plurals.items():
        known = catalogue.get(one)
        if known is None or known.pluralizable != bool(many):
            yield f"{name}: {one!r} is missing"
            continue
        string = known.string
        forms = (string,) if isinstance(string, str) else tuple(string or ("",))
        if known.fuzzy:
            yield f"{name}: {one!r} is fuzzy"
        if not all(forms) or (many and len(forms) != catalogue.num_plurals):
            yield f"{name}: {one!r} is empty"
        else:
            yield from _other_places(name, (one, many), forms)


def _other_places(
    name: str, source: tuple[str, str | None], forms: Iterable[str]
) -> Iterator[str]:
    one, many = source
    wanted = places(one) | places(many or "")
    for form in forms:
        have = places(form)
        left = wanted - have - ({"n"} if many else set())
        for place in sorted(left):
            yield f"{name}: {one!r} leaves out {{{place}}}: {form!r}"
        for place in sorted(have - wanted - ({"n"} if many else set())):
            yield f"{name}: {one!r} has no place {{{place}}}: {form!r}"


def check(root: Path) -> list[str]:
    """All faults of the catalogues below `root`."""
    found = extract(root)
    out = list(found.faults)
    pot = root / LOCALE / "scudo.pot"
    if not pot.is_file() or pot.read_text(encoding="utf-8") != template(found):
        out.append("scudo.pot is not current: run scripts/messages.py update")
    files = sorted((root / LOCALE).glob("*.po"))
    for path in files:
        out += faults(path, found)
    if not any(path.stem == "it" for path in files):
        out.append("it.po is missing")
    return out


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three commands; 1 if `check` finds a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=["extract", "update", "check"])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    args = parser.parse_args(arguments)
    if args.command == "check":
        lines = check(args.root)
        print("\n".join(lines) or "the catalogues are whole")
        return 1 if lines else 0
    found = extract(args.root)
    (args.root / LOCALE / "scudo.pot").write_text(template(found), encoding="utf-8")
    if args.command == "update":
        for path in sorted((args.root / LOCALE).glob("*.po")):
            update(path, found)
    print(f"{len(found.plurals)} sentences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
