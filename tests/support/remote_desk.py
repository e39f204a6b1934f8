"""A demo whose desk is a process of its own."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from scudo_agent.clock import SystemClock
from scudo_agent.demo.site import DemoSite, prepare
from support.patience import wait_until
from support.programs import Program, call

LIMIT_S = 60.0


def get(url: str) -> Any:
    """JSON or text of a page on loopback; None when nobody answers."""
    try:
        with urlopen(url, timeout=5) as reply:
            return json.loads(reply.read() or b"{}")
    except (URLError, OSError):
        return None
    except ValueError:
        return {}


def prepare_remote(folder: Path) -> DemoSite:
    """The demo's site with a desk elsewhere, its agent enrolled there."""
    demo = prepare(folder, clock=SystemClock(), wanted_gateway="stand-in")
    desk = f"{{url: 'http://127.0.0.1:{demo.ports.desk}', key: file:agent.key}}"
    text = demo.site_path.read_text()
    text = text.replace("contract: contract.yaml", "contract: demo")
    demo.site_path.write_text(text.replace("desk: embedded", f"desk: {desk}"))
    text = demo.desk_path.read_text().replace("state: state", "state: desk-state")
    demo.desk_path.write_text(f"{text}contracts: contracts\n")
    contracts = demo.folder / "contracts"
    contracts.mkdir()
    (demo.folder / "contract.yaml").rename(contracts / "demo.yaml")
    done = call(
        *("desk", "agent", str(demo.site_path), "--settings", str(demo.desk_path)),
        *("--key-file", str(demo.folder / "agent.key")),
    )
    assert done.returncode == 0, done.stderr
    return demo


@contextmanager
def running_desk(demo: DemoSite) -> Iterator[Program]:
    """The demo's desk as a process that answers."""
    with closing(Program("desk", "--settings", str(demo.desk_path))) as desk:
        url = f"http://127.0.0.1:{demo.ports.desk}/-/healthy"
        assert wait_until(lambda: get(url) is not None, limit_s=LIMIT_S), desk.text()
        yield desk
