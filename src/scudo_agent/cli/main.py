"""The command line's door: parse, call one function, map errors to exit codes.

0 done, 1 failed, 2 wrong input. A command's module is imported only when the
command is used, so that `--version` costs nothing.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from scudo_agent import __version__

COMMANDS = {
    "run": "watch a site: agent, and the embedded desk if the file says so",
    "demo": "set up a site on this machine and watch it",
    "check": "validate a site file, touch nothing",
    "probe": "run one check now and say what it saw",
    "reload": "have the running agent go by the site file as it is now",
    "status": "what is watched and its state",
    "why": "why a service is in its state, and who was told",
    "mute": "no tickets for a service or a check for a while; still counted",
    "unmute": "tickets again",
    "pause": "do not probe a service or a check for a while: unknown",
    "resume": "probe it again",
    "tickets": "tickets at the desk, or the history of one",
    "uptime": "the account of the contract year so far, and what is left of it",
    "statement": "the desk's statement of a month or a contract year",
    "replay": "judge recorded events again",
    "doctor": "is everything in place: rights, clock, names, disk, desk, mail",
    "outbox": "what the desk has not taken, why, and what to do",
    "bundle": "a support archive without secrets: settings, state, doctor, log",
    "backup": "a verified copy of the agent's store, while it runs or not",
    "restore": "put a backup in the place of the agent's store",
    "contract": "what a contract promises: calendar, clocks, cost, uptime",
    "schema": "print the JSON Schema of the site file",
    "maintenance": "windows at the desk: announce, list, move, cancel, explain",
    "desk": "run the desk by itself, or administer it",
    "join": "become the agent that a desk has invited",
}


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """All commands with their help; arguments only of the one in `argv`."""
    parser = argparse.ArgumentParser(
        prog="scudo-agent",
        description="Watch a site, keep the account of its uptime, open the ticket.",
    )
    parser.add_argument(
        "--version", action="version", version=f"scudo-agent {__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == wanted:
            module = import_module(f"scudo_agent.cli.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        # A sign that the terminal has no letter for is better than no output.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = _main(words)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left (`| head`): nothing more to say.
        _mute()
        return 0
    except OSError as exc:
        if exc.errno != errno.ENOSPC or exc.filename is not None:
            raise
        _mute()
        print(f"the output cannot be written: {exc.strerror}", file=sys.stderr)
        return 1
    return code


def _mute() -> None:
    """What is still in the buffer goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main(words: Sequence[str]) -> int:
    parser = build_parser(words)
    from scudo_agent.errors import ScudoError

    try:
        args = parser.parse_args(words)
        if args.command is None:
            parser.print_help()
            return 2
        return int(args.run(args))
    except ScudoError as exc:
        print(exc, file=sys.stderr)
        return exc.exit_code


def entry() -> None:
    """Console script."""
    # No other package has a say in what is valid here; to look for one takes time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    sys.exit(main())
