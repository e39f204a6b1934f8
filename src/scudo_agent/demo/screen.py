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


def foot(demo: DemoSite, *, desk: str, login: str, metrics: str) -> tuple[str, ...]:
    """Where everything is; `login` is a link that works once."""
    here = "" if str(demo.folder) == "demo" else f" --folder {demo.folder}"
    call = "./scudo demo"
    return (
        f"desk     {desk}   first login {login} (once)",
        f"metrics  {metrics}      mails  {demo.maildir} (Maildir; {call}{here} mail)",
        f"try      {call}{here} break web  ·  {call}{here} mend web  ·  "
        "Ctrl-C stops, state is kept",
    )
