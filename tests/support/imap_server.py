"""A real Dovecot on loopback with one mailbox, that a test kills and starts again."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from scudo_agent.config.secret import Secret
from scudo_agent.desk.settings import Imap
from support.certs import Authority
from support.ports import free_port

USER = "assistenza"
PASSWORD = Secret("only-in-tests", reference="file:password")
_WAIT_S = 60.0
_CONFIG = """
base_dir = {run}
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
{tls}
disable_plaintext_auth = no
mail_location = maildir:{box}
mail_uid = {owner}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
imap_capability = {capability}
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={box}
}}
namespace inbox {{
  inbox = yes
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class MailServer:
    """The server; `put` brings a mail as a mail server would.

    `capability` replaces what it says that it can.
    """

    def __init__(self, folder: Path, *, capability: str = "") -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.authority = Authority(folder)
        self._box = folder / "box"
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid())
        self._owner = pwd.getpwnam("mail") if root else me
        folder.chmod(0o755)
        self._box.mkdir()
        self.empty()
        (folder / "passwd").write_text(f"{USER}:{{PLAIN}}{PASSWORD.reveal()}::::::\n")
        pair = self.authority.issue("127.0.0.1")
        tls = f"ssl = yes\nssl_cert = <{pair.cert}\nssl_key = <{pair.key}"
        internal = pwd.getpwnam("dovecot") if root else me
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                run=folder / "run",
                folder=folder,
                tls=tls,
                box=self._box,
                owner=self._owner.pw_uid,
                group=self._owner.pw_gid,
                internal=internal.pw_name,
                internal_group="dovecot" if root else _group(),
                login="dovenull" if root else me.pw_name,
                capability=capability,
                port=self.port,
                tls_port=self.tls_port,
            )
        )

    def start(self) -> None:
        """Serve; return when it answers."""
        program = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
        assert program, "Dovecot is missing: install Debian's package 'dovecot-imapd'"
        config = str(self.folder / "dovecot.conf")
        with (self.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", program, "-F", "-c", config],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + _WAIT_S
        while True:
            if self._answers():
                return
            assert self._process.poll() is None, (self.folder / "out").read_text()
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as line:
                return line.recv(100).startswith(b"* OK")
        except OSError:
            return False

    def kill(self) -> None:
        """End it with all its processes, at once."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_WAIT_S)
        self._process = None
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)

    def empty(self) -> None:
        """A new mailbox; the server must not run."""
        shutil.rmtree(self._box)
        for name in ("", "tmp", "new", "cur"):
            part = self._box / name
            part.mkdir()
            os.chown(part, self._owner.pw_uid, self._owner.pw_gid)

    def put(self, mail: bytes) -> None:
        """A mail arrives."""
        name = f"{time.time_ns()}.{next(self._numbers)}.example"
        part = self._box / "tmp" / name
        part.write_bytes(mail)
        os.chown(part, self._owner.pw_uid, self._owner.pw_gid)
        part.rename(self._box / "new" / name)

    def unseen(self) -> int:
        """Mails of the inbox that nobody has marked as seen."""
        cur = self._box / "cur"
        plain = [one for one in cur.iterdir() if "S" not in one.name.rpartition(",")[2]]
        return len(plain) + len(list((self._box / "new").iterdir()))

    def held(self, folder: str = "") -> int:
        """All mails of a folder; without a name, of the inbox."""
        box = self._box / f".{folder}" if folder else self._box
        return sum(
            len(list((box / part).iterdir()))
            for part in ("new", "cur")
            if (box / part).is_dir()
        )

    def settings(self, **changes: object) -> Imap:
        """What a desk needs to read it, without TLS."""
        given: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "tls": "none",
            "user": USER,
            "password": "file:password",
            "timeout_s": 30,
        }
        return Imap.model_validate(given | changes)


def _group() -> str:
    import grp

    return grp.getgrgid(os.getegid()).gr_name


@contextlib.contextmanager
def mail_server(*, capability: str = "") -> Iterator[MailServer]:
    """A server that runs until the end; its folder has a short name for its sockets."""
    folder = Path(tempfile.mkdtemp(prefix="imap"))
    server = MailServer(folder, capability=capability)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
