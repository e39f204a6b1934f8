"""What the demo says about itself: the lines above and below the table."""

import shutil

from scudo_agent.demo.site import DemoSite

_GIGABYTE = 1_000_000_000


def head(demo: DemoSite, *, snmp_version: str, icmp: str) -> tuple[str, str]:
    """The lines 2/3 and 3/3; `icmp` names the kind of socket that is allowed."""
    disk = shutil.disk_usage("/")
    share = disk.used / (disk.used + disk.free)
    machine = (
        f" 2/3 this machine: {demo.gateway.words()}"
        f" · / {share * 100:.0f} % of {disk.total / _GIGABYTE:.0f} GB"
        f" · snmpd {snmp_version} on 127.0.0.1:{demo.ports.snmp}"
    )
    did = "wrote" if demo.wrote else "kept"
    yours = "yours to change" if demo.wrote else "as you left it"
    file = f" 3/3 {did} {demo.site_path} ({demo.lines} lines, {yours}) · ICMP: {icmp}"
    return machine, file


def foot(
    demo: DemoSite, *, desk: str, login: str | None, metrics: str
) -> tuple[str, ...]:
    """Where everything is; `login` works once, None with a desk of somebody else."""
    here = "" if str(demo.folder) == "demo" else f" --folder {demo.folder}"
    call = f"./scudo demo{here}"
    first = f"   first login {login} (once)" if login else ""
    return (
        f"desk     {desk}{first}",
        f"metrics  {metrics}/metrics      mails  {demo.maildir} (Maildir; {call} mail)",
        f"try      {call} break web  ·  {call} mend web  ·  "
        "Ctrl-C stops, state is kept",
    )
