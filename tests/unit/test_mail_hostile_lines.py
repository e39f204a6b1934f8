"""Whatever a mail's lines are made of, reading them costs as much as they are long.

The whole desk waits while one pattern is at work, before anybody knows whose mail it
is. Times are the process's own, so that a machine at work counts little.
"""

import time
from collections.abc import Callable

import pytest

from scudo_agent.desk.mail.incoming import HostileMailError, read
from scudo_agent.desk.mail.quoting import fold
from scudo_agent.desk.mail.sameness import fingerprint

SIGNS = "<>@-_=*#:;,.|~ \t\xa0\"'()[]{}/\\+&%$!?0aìſ"
WROTE = ("", " wrote:", " ha scritto:", " wrote", ":")
CPU = 30.0
"""Seconds of the processor for what takes under two of them."""


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def lines_of(unit: str, size: int, total: int) -> str:
    """Lines of `size` signs made of `unit`, `total` signs in all."""
    line = (unit * (size // len(unit) + 1))[:size]
    return f"{line}\n" * (total // (size + 1))


def test_three_runs_of_signs_are_read_at_once() -> None:
    assert spent(lambda: fold("<" * 40 + "@" * 40 + ">" * 40)) < 2.0
    assert spent(lambda: fold("\n".join(["<" * 499, "@" * 499, ">" * 499]))) < 2.0


@pytest.mark.parametrize("size", [40, 499])
def test_long_runs_of_each_sign_cost_what_they_weigh(size: int) -> None:
    def work() -> None:
        for sign in SIGNS:
            for end in WROTE:
                fold(lines_of(sign, size - len(end), 3_000).replace("\n", end + "\n"))

    assert spent(work) < CPU


@pytest.mark.parametrize(
    "unit",
    [
        "<@>",
        "On 1 wrote ",
        "Il 1@ ha scritto",
        "On " + "wrote " * 60 + "1",
        "Il <a@b> wrote",
        "a@b> <",
        "- _ = * ",
        "--Original Message",
        "Original Message--",
        "--  \t",
        "From: Sent: To: ",
        "wrote :",
        "> > ",
    ],
)
def test_lines_that_are_nearly_something_cost_what_they_weigh(unit: str) -> None:
    text = lines_of(unit, 490, 1_000_000)
    assert spent(lambda: fold(text)) < CPU


@pytest.mark.parametrize(
    "line",
    ["Sent from ", "On 1 x wrote:", "> a\nOn 1 x wrote:", "On 1 x wrote:\n> a", "a"],
)
def test_twice_the_lines_cost_about_twice_as_much(line: str) -> None:
    def of(count: int) -> float:
        text = "\n".join([line] * count)
        return min(spent(lambda: fold(text)) for _ in range(2))

    few = of(1_000)
    assert of(4_000) < 4 * 2.5 * max(few, 0.02)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("folded", ["", "{end} "])
def test_a_parts_header_of_semicolons_is_refused_before_it_is_parsed(
    end: str, folded: str
) -> None:
    value = 'text/plain; x="' + (folded.format(end=end) + ";" * 500) * 20
    part = f"--q{end}Content-Type: {value}{end}{end}x{end}--q--"
    head = f"From: a@x.it{end}Content-Type: multipart/mixed; boundary=q{end}{end}"
    with pytest.raises(HostileMailError, match="header about a part"):
        read((head + part).encode())


def test_a_header_of_many_lines_is_told_from_others_at_what_it_weighs() -> None:
    def of(count: int) -> float:
        raw = b"X: a\n" + b" \n" * count + b"\nx"
        return min(spent(lambda: fingerprint(raw)) for _ in range(2))

    few = of(25_000)
    assert of(125_000) < 5 * 2.5 * max(few, 0.02)
