"""Stands for a demo that is killed: starts the servers, says so, waits.

`python -m support.demo_parent FOLDER`
"""

import sys
from pathlib import Path

from scudo_agent.clock import SystemClock
from scudo_agent.demo.servers import Servers
from scudo_agent.demo.site import prepare

if __name__ == "__main__":
    demo = prepare(Path(sys.argv[1]), clock=SystemClock(), wanted_gateway="stand-in")
    with Servers(demo).start() as running:
        print(*running.pids(), flush=True)
        sys.stdin.read()
