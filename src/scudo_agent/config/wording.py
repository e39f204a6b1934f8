"""Pydantic's errors as faults: sentences with their place in the file."""

import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from scudo_agent.config.document import Document, Loc
from scudo_agent.config.suggest import did_you_mean, nearest, or_choices
from scudo_agent.errors import Fault

Describe = Callable[[Loc], str]
"""The words for what stands at a place: `target 'erp'`, `'mail' of customer`."""

_SECRET = re.compile(
    r"credential|desk|key|community|pass|secret|token|header|auth|cookie", re.I
)
_PLAIN = {
    "string": "a text is needed, in quotes if it looks like a number",
    "int": "a whole number is needed",
    "float": "a number is needed",
    "bool": "true or false is needed",
    "model": "keys with values are needed, such as {key: value}",
    "dict": "keys with values are needed, such as {key: value}",
    "list": "a list is needed, such as [a, b]",
    "tuple": "a list is needed, such as [a, b]",
}
_OF_KEYS = {"missing", "extra_forbidden"}
_BOUNDS = {
    "greater_than_equal": ("at least {}", "ge"),
    "greater_than": ("more than {}", "gt"),
    "less_than_equal": ("at most {}", "le"),
    "less_than": ("less than {}", "lt"),
    "too_short": ("at least {} entry", "min_length"),
    "too_long": ("at most {} entries", "max_length"),
    "string_too_short": ("a text of at least {} character", "min_length"),
    "string_too_long": ("a text of at most {} characters", "max_length"),
}


def dotted(loc: Loc, root: str) -> str:
    """The plain description of a place: `'mail.smtp' of <root>`."""
    if not loc:
        return root
    if isinstance(loc[-1], int):
        return f"entry {loc[-1] + 1} of {dotted(loc[:-1], root)}"
    return f"'{'.'.join(map(str, loc))}' of {root}"


def faults_of(
    error: ValidationError,
    model: type[BaseModel],
    *,
    describe: Describe,
    locate: Callable[[Loc, str, bool], Fault],
) -> list[Fault]:
    """One fault for each of pydantic's errors; `locate` makes it of a place.

    `locate(loc, what, key)` is given places as `model` sees them.
    """
    found: dict[tuple[Loc, bool], Fault] = {}
    entries = error.errors(include_url=False, include_context=True)
    misspelt = _misspelt(entries, model)
    for entry in entries:
        loc = tuple(part for part in entry["loc"] if part != "[key]")
        of_key = len(loc) < len(entry["loc"])
        known = _known_path(model, loc, names=entry["type"] in _OF_KEYS)
        if entry["type"] == "missing" and known in misspelt:
            continue
        what = _sentence(entry, known, model, describe)
        key = of_key or entry["type"] == "extra_forbidden"
        # A union tells of each of its members: the first one says enough.
        found.setdefault((known, key), locate(known, what, key))
    # Of a union of a text and a mapping, a mapping with a fault inside is no
    # wrong text as well: the inner fault is the one that was meant.
    inner = {known[:length] for known, _ in found for length in range(len(known))}
    return [fault for (known, _), fault in found.items() if known not in inner]


def fault_at(document: Document) -> Callable[[Loc, str, bool], Fault]:
    """The `locate` of a model that is the whole document."""
    return lambda loc, what, key: document.fault(loc, what, key=key)


def _misspelt(entries: Sequence[Any], model: type[BaseModel]) -> set[Loc]:
    """Keys that are there under a name that is nearly right: not missing too."""
    found = set()
    for entry in entries:
        if entry["type"] == "extra_forbidden":
            *above, wrong = _known_path(model, entry["loc"], names=True)
            near = nearest(str(wrong), _keys_at(model, tuple(above)))
            found |= {(*above, near)} if near else set()
    return found


def _sentence(
    entry: Mapping[str, Any], loc: Loc, model: type[BaseModel], describe: Describe
) -> str:
    kind = entry["type"]
    if kind == "extra_forbidden":
        keys = _keys_at(model, loc[:-1])
        hint = or_choices(str(loc[-1]), keys, there="its keys are")
        return f"'{loc[-1]}' is no key of {describe(loc[:-1])}{hint}"
    if kind == "missing":
        return f"{describe(loc[:-1])} has no '{loc[-1]}', which it needs"
    if entry["loc"] and entry["loc"][-1] == "[key]":
        return _why(entry, loc)
    return f"{describe(loc)}: {_why(entry, loc)}"


def _why(entry: Mapping[str, Any], loc: Loc) -> str:
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _choice(entry, loc)
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words.format(context[name])} is needed{_seen(entry, loc)}"
    plain = _PLAIN.get(kind.split("_")[0])
    if plain and kind.endswith(("_type", "_parsing", "_from_float")):
        return plain + _seen(entry, loc)
    message = str(entry["msg"])
    return message[:1].lower() + message[1:]


def _choice(entry: Mapping[str, Any], loc: Loc) -> str:
    expected = str(entry["ctx"]["expected"])
    words = re.findall(r"'([^']*)'", expected)
    seen = _seen(entry, loc)
    hint = did_you_mean(str(entry["input"]), words) if seen else ""
    return f"{expected} is needed{seen}{hint}"


def _seen(entry: Mapping[str, Any], loc: Loc) -> str:
    """What stands there instead; never of a place where a secret may stand."""
    value = entry["input"]
    if any(_SECRET.search(str(part)) for part in loc) or value is None:
        return ""
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, str | int | float) and len(str(value)) <= 60:
        return f", not '{value}'"
    return ""


def _known_path(model: type[BaseModel], loc: Loc, *, names: bool) -> Loc:
    """`loc` without the names that pydantic adds for members of unions.

    With `names` its last part is a key, though the model may not know it.
    """
    known: list[str | int] = []
    here: list[Any] = [model]
    for index, part in enumerate(loc):
        inner = [step for each in here for step in _step(each, part)]
        if inner or index == len(loc) - 1:
            if not inner and not (names and _holds(here)):
                continue
            known.append(part)
            here = inner
    return tuple(known)


def _keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    here: list[Any] = [model]
    for part in loc:
        here = [step for each in here for step in _step(each, part)]
    models = [each for each in map(_bare, _members(here)) if _is_model(each)]
    return [field.alias or name for m in models for name, field in _fields(m)]


def _step(annotation: Any, part: str | int) -> list[Any]:
    """The types that `part` of a value of this type can have."""
    out: list[Any] = []
    for each in _members([annotation]):
        origin, args = get_origin(each), get_args(each)
        if _is_model(each):
            out += [f.annotation for n, f in _fields(each) if part in (n, f.alias)]
        elif origin in (dict, Mapping) and isinstance(part, str):
            out.append(args[1])
        elif origin in (list, tuple, set, frozenset) and isinstance(part, int):
            out.append(args[0])
    return out


def _holds(annotations: Sequence[Any]) -> bool:
    return any(_is_model(each) for each in _members(annotations))


def _members(annotations: Sequence[Any]) -> list[Any]:
    out: list[Any] = []
    for each in map(_bare, annotations):
        if get_origin(each) in (Union, types.UnionType):
            out += _members(get_args(each))
        else:
            out.append(each)
    return out


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(model: Any) -> list[tuple[str, Any]]:
    return list(model.model_fields.items())
