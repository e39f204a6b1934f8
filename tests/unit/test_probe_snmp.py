"""Settings of the snmp probe, names of objects, and what values mean."""

import re
import socket
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scudo_agent.config.site import SnmpCredential
from scudo_agent.probes.connect import Resolved
from scudo_agent.probes.foreign import MAX_SHOWN, one_line, printable
from scudo_agent.probes.snmp import SnmpSettings
from scudo_agent.probes.snmp_names import SnmpObject, Syntax, resolve
from scudo_agent.probes.snmp_value import (
    Raw,
    Wanted,
    read,
)
from support.probe_runs import said

OPER = "IF-MIB::ifOperStatus.2"


@pytest.mark.parametrize(
    ("name", "oid"),
    [
        (OPER, "1.3.6.1.2.1.2.2.1.8.2"),
        ("SNMPv2-MIB::sysUpTime.0", "1.3.6.1.2.1.1.3.0"),
        ("IP-MIB::ipAdEntAddr.192.0.2.1", "1.3.6.1.2.1.4.20.1.1.192.0.2.1"),
        (
            'NET-SNMP-EXTEND-MIB::nsExtendResult."raid"',
            "1.3.6.1.4.1.8072.1.3.2.3.1.4.4.114.97.105.100",
        ),
        (".1.3.6.1.4.1.99999.1.0", "1.3.6.1.4.1.99999.1.0"),
        ("1.3.006.1", "1.3.6.1"),
    ],
)
def test_names_become_oids(name: str, oid: str) -> None:
    assert resolve(name).oid == oid


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "IF-MIB::ifOperStatuss.2",
            "'IF-MIB::ifOperStatuss' is no object of the MIBs known here; "
            "did you mean 'IF-MIB::ifOperStatus'?",
        ),
        (
            "IF-MIBB::ifOperStatus.2",
            "'IF-MIBB::ifOperStatus' is no object of the MIBs known here: "
            "no module IF-MIBB; did you mean 'IF-MIB'?",
        ),
        ("IF-MIB::qqqqqq.1", "'IF-MIB::qqqqqq' is no object of the MIBs known here"),
        (
            "IF-MIB::ifOperStatus",
            "'IF-MIB::ifOperStatus' is a column: name a row, "
            "such as IF-MIB::ifOperStatus.1",
        ),
        (
            "SNMPv2-MIB::sysUpTime",
            "'SNMPv2-MIB::sysUpTime' is a single value: write SNMPv2-MIB::sysUpTime.0",
        ),
        (
            "IF-MIB::ifTable.1",
            "'IF-MIB::ifTable' is a table, which has no value of its own",
        ),
        (
            "SNMPv2-MIB::snmpTrapOID.0",
            "'SNMPv2-MIB::snmpTrapOID' cannot be read "
            "(its access is accessible-for-notify)",
        ),
        (
            "ifOperStatus.2",
            "'ifOperStatus.2' is neither an OID such as 1.3.6.1.2.1.1.3.0 "
            "nor a name such as IF-MIB::ifOperStatus.2",
        ),
        ("3.1.2", "'3.1.2' is no OID: it begins with 0 to 2, then 0 to 39"),
        ("1.40.2", "'1.40.2' is no OID: it begins with 0 to 2, then 0 to 39"),
        (
            "1.3.4294967296",
            "'1.3.4294967296' is no OID: at most 128 numbers, each below 2^32",
        ),
    ],
)
def test_a_name_that_nobody_knows_says_what_would_be_right(
    name: str, words: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        resolve(name)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "needs one of 'get' (one object) and 'each' (a column)"),
        (
            {"get": OPER, "each": "IF-MIB::ifOperStatus"},
            "needs one of 'get' (one object) and 'each' (a column)",
        ),
        (
            {"get": OPER, "where": {"a": "b"}},
            "'where' chooses rows of 'each', which is not there",
        ),
        (
            {"get": OPER, "expect": "upp"},
            "'upp' is no value of IF-MIB::ifOperStatus.2, which is one of up, down, "
            "testing, unknown, dormant, notPresent, lowerLayerDown; did you mean 'up'?",
        ),
        (
            {"get": OPER, "expect": ["up", 9]},
            "'9' is no value of IF-MIB::ifOperStatus.2, which is one of up, down, "
            "testing, unknown, dormant, notPresent, lowerLayerDown",
        ),
        (
            {"get": OPER, "expect": "up", "max": 3},
            "'expect' and 'min' or 'max' exclude each other",
        ),
        ({"get": OPER, "min": 3, "max": 2}, "'min' (3) is greater than 'max'"),
        ({"get": "nonsense"}, "'nonsense' is neither an OID"),
    ],
)
def test_settings_that_cannot_be_meant(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as fault:
        SnmpSettings.model_validate(given_)
    assert words in str(fault.value)


def test_the_fault_of_a_name_stands_at_its_key() -> None:
    with pytest.raises(ValidationError) as fault:
        SnmpSettings.model_validate({"get": "nonsense", "expect": "up"})
    assert [error["loc"] for error in fault.value.errors()] == [("get",)]


def test_each_belongs_to_the_shape() -> None:
    shape = {
        "each": "IF-MIB::ifOperStatus",
        "where": {"IF-MIB::ifAlias": "uplink*"},
        "expect": "up",
    }
    assert SnmpSettings.model_validate(shape).each == "IF-MIB::ifOperStatus"


def test_limits_and_words_for_a_ticket() -> None:
    settings = SnmpSettings.model_validate(
        {"get": OPER, "warn": {"above": 3}, "degraded": {"above": 5, "below": 1}}
    )
    assert [limit.bound for limit in settings.warn_limits()] == [3]
    assert [limit.crossed({"value": 6}) for limit in settings.degraded_limits()] == [
        True,
        False,
    ]
    assert settings.endpoint("192.0.2.1") == f"192.0.2.1:161 {OPER}"
    command = "snmpget -v … 192.0.2.1:161 1.3.6.1.2.1.2.2.1.8.2"
    assert settings.reproduce("192.0.2.1") == command


def test_the_same_settings_are_equal_whether_used_or_not() -> None:
    one, other = (SnmpSettings.model_validate({"get": OPER}) for _ in range(2))
    assert one.wanted.asked.oid
    assert one == other
    assert one.model_dump() == other.model_dump()


def test_settings_without_a_name_of_a_mib_load_no_pysnmp() -> None:
    code = (
        "import sys\n"
        "from scudo_agent.probes.snmp import SnmpSettings\n"
        "SnmpSettings.model_validate({'get': '1.3.6.1.2.1.1.3.0'})\n"
        "print([m for m in sys.modules if m in ('pysnmp', 'gufo', 'pyasn1')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


PLAIN = SnmpObject("1.2.3", "1.2.3")
STATUS = SnmpObject("status", "1.2.4", Syntax.NUMBER, {1: "true", 2: "false"})


def verdict(wanted: Wanted, raw: Raw) -> tuple[bool, str]:
    right, seen = wanted.judge(read(wanted.asked, raw), version="v2c")
    return right, said(seen)


@pytest.mark.parametrize(
    ("expect", "raw", "right"),
    [
        (("true",), 1, True),
        ((True,), 1, True),
        ((False,), 1, False),
        ((1,), 1, True),
        ((2, 1), 1, True),
        (("2",), 2, True),
        (("false",), 7, False),
    ],
)
def test_expected_values_of_an_enumeration(
    expect: tuple[Any, ...], raw: int, right: bool
) -> None:
    assert verdict(Wanted(asked=STATUS, expect=expect), raw)[0] is right


@pytest.mark.parametrize(
    ("expect", "raw", "right"),
    [
        (("warm",), b"warm", True),
        (("warm",), b"warm\0\0", True),
        (("42",), 42, True),
        ((42,), b"42", True),
        ((0.15,), b"0.15", True),
        (("1.3.6",), "1.3.6", True),
        (("192.0.2.1",), "192.0.2.1", True),
        ((1,), b"one", False),
    ],
)
def test_expected_values_of_other_objects(
    expect: tuple[Any, ...], raw: Raw, right: bool
) -> None:
    assert verdict(Wanted(asked=PLAIN, expect=expect), raw)[0] is right


def test_sentences_of_wishes() -> None:
    wishes = [
        Wanted(asked=PLAIN),
        Wanted(asked=PLAIN, expect=(1, True)),
        Wanted(asked=PLAIN, lowest=1, highest=2),
        Wanted(asked=PLAIN, lowest=1),
        Wanted(asked=PLAIN, highest=2),
    ]
    assert [said(wish.words()) for wish in wishes] == [
        "1.2.3 has a value",
        "1.2.3 is one of 1, true",
        "1.2.3 from 1 to 2",
        "1.2.3 is at least 1",
        "1.2.3 is at most 2",
    ]
    assert verdict(wishes[1], 7) == (
        False,
        "1.2.3 = 7, which is none of 1, true (snmp v2c)",
    )


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), b"nan", b"inf"])
def test_what_is_no_finite_number_is_no_number(raw: Raw) -> None:
    reading = read(PLAIN, raw)
    assert reading.number is None
    assert verdict(Wanted(asked=PLAIN, highest=5), raw)[0] is False


def test_a_small_float_is_shown_as_it_was_meant() -> None:
    assert read(PLAIN, 0.15000000596046448).shown == 0.15


@given(st.binary(max_size=2000))
def test_any_octets_become_one_short_printable_line(raw: bytes) -> None:
    text = printable(raw)
    assert len(text) <= MAX_SHOWN
    assert text.isprintable()


@given(st.text(max_size=3000))
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_SHOWN
    assert line.isprintable()
    assert line == line.strip()


@given(
    st.one_of(
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.binary(max_size=300),
        st.text(max_size=300),
    ),
    st.sampled_from([PLAIN, STATUS, SnmpObject("t", "1.2", Syntax.TICKS)]),
)
def test_any_value_gives_a_verdict(raw: Raw, asked: SnmpObject) -> None:
    for wanted in (
        Wanted(asked=asked),
        Wanted(asked=asked, expect=("up", 3, True)),
        Wanted(asked=asked, lowest=0, highest=9, numeric=True),
    ):
        _, sentence = verdict(wanted, raw)
        assert sentence


def test_the_errno_of_gufo_stands_in_its_text_only() -> None:
    from scudo_agent.probes.snmp_session import Target, _fault

    credential = SnmpCredential(version=2)
    target = Target(Resolved(socket.AF_INET, "192.0.2.1"), 161, credential)
    full = _fault(OSError("Too many open files (os error 24)"), target)
    assert full.own_fault
    blackhole = _fault(OSError("Invalid argument (os error 22)"), target)
    assert not blackhole.own_fault
    assert said(blackhole.seen) == "sent into a blackhole by a route (192.0.2.1:161)"
