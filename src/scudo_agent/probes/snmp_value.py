"""What a device's SNMP value is to people and to limits, and whether it fits."""

import math
from dataclasses import dataclass

from scudo_agent.probes.foreign import one_line, printable
from scudo_agent.probes.snmp_names import SnmpObject, Syntax
from scudo_agent.text import T, Text, Value

Expected = bool | int | float | str
"""A value as a site file names it: an enumeration's word, a number or a text."""

Raw = None | str | bytes | int | float
"""What gufo-snmp gives: numbers, octets, and OIDs and addresses as text."""

_TICK_US = 10_000
_EXACT_MANTISSA = 7  # significant digits of an Opaque Float, a 32 bit number


@dataclass(frozen=True, slots=True)
class Reading:
    """One value: how a sentence shows it, its word, and its number if it is one."""

    shown: Value
    word: str
    number: float | None


def read(asked: SnmpObject, raw: Raw) -> Reading:
    """The reading of what the device sent for `asked`."""
    if isinstance(raw, int | float):
        return _number(asked, raw)
    text = printable(raw) if isinstance(raw, bytes) else one_line(raw or "")
    return Reading(text, text, _as_number(text))


def _number(asked: SnmpObject, raw: int | float) -> Reading:
    if isinstance(raw, float):
        if not math.isfinite(raw):
            return Reading(str(raw), str(raw), None)
        raw = float(f"{raw:.{_EXACT_MANTISSA}g}")
    elif raw in asked.words:
        return Reading(asked.words[raw], asked.words[raw], raw)
    if asked.syntax is Syntax.TICKS and isinstance(raw, int):
        return Reading({"duration": raw * _TICK_US}, str(raw), raw)
    return Reading(raw, str(raw), raw)


def _as_number(text: str) -> float | None:
    """The number that a text is (`laLoad` is a text such as 0.15), else None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def fits(reading: Reading, expect: Expected) -> bool:
    """Whether the reading is what `expect` names."""
    if isinstance(expect, bool):
        return reading.word == word(expect)
    if isinstance(expect, int | float):
        return reading.number == expect
    if reading.word == expect:
        return True
    return reading.number is not None and str(reading.number) == expect


def word(expect: Expected) -> str:
    """An expected value as it is shown; YAML's true is the MIBs' word `true`."""
    return str(expect).lower() if isinstance(expect, bool) else str(expect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a check wants of an object; with nothing set, any value will do.

    `numeric` says that limits stand on the value, so that a text is a fault.
    """

    asked: SnmpObject
    expect: tuple[Expected, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    numeric: bool = False

    def words(self) -> Text:
        """What was asked for."""
        name, low, high = self.asked.name, self.lowest, self.highest
        if self.expect:
            values = ", ".join(map(word, self.expect))
            if len(self.expect) == 1:
                return T("{object} = {value}", object=name, value=values)
            return T("{object} is one of {values}", object=name, values=values)
        if low is not None and high is not None:
            return T("{object} from {min} to {max}", object=name, min=low, max=high)
        if low is not None:
            return T("{object} is at least {min}", object=name, min=low)
        if high is not None:
            return T("{object} is at most {max}", object=name, max=high)
        return T("{object} has a value", object=name)

    def missing(self, version: str) -> Text:
        """Words for a device that answers and has no such object."""
        return T(
            "the device has no {object}: no such instance (snmp {version})",
            object=self.asked.name,
            version=version,
        )

    def judge(self, reading: Reading, *, version: str) -> tuple[bool, Text]:
        """Whether the reading is what is wanted, and the sentence that says it."""
        fault = self._mismatch(reading, version) or self._beyond(reading, version)
        if fault is not None:
            return False, fault
        return True, T(
            "{object} = {value} (snmp {version})",
            object=self.asked.name,
            value=reading.shown,
            version=version,
        )

    def _beyond(self, reading: Reading, version: str) -> Text | None:
        number = reading.number
        if number is None:
            ranged = self.lowest is not None or self.highest is not None
            return self._no_number(reading, version) if ranged or self.numeric else None
        said = {"object": self.asked.name, "value": reading.shown, "version": version}
        if self.lowest is not None and number < self.lowest:
            return T(
                "{object} = {value}, below {min} (snmp {version})",
                **said,
                min=self.lowest,
            )
        if self.highest is not None and number > self.highest:
            return T(
                "{object} = {value}, above {max} (snmp {version})",
                **said,
                max=self.highest,
            )
        return None

    def _mismatch(self, reading: Reading, version: str) -> Text | None:
        if not self.expect or any(fits(reading, one) for one in self.expect):
            return None
        numbers = all(type(one) in (int, float) for one in self.expect)
        if numbers and reading.number is None:
            return self._no_number(reading, version)
        said = {"object": self.asked.name, "value": reading.shown, "version": version}
        if len(self.expect) == 1:
            return T(
                "{object} = {value} instead of {expected} (snmp {version})",
                **said,
                expected=word(self.expect[0]),
            )
        return T(
            "{object} = {value}, which is none of {expected} (snmp {version})",
            **said,
            expected=", ".join(map(word, self.expect)),
        )

    def _no_number(self, reading: Reading, version: str) -> Text:
        return T(
            '{object} is the text "{value}" and no number (snmp {version})',
            object=self.asked.name,
            value=reading.shown,
            version=version,
        )
