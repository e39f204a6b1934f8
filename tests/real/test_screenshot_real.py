"""A real browser looks at real pages, hostile ones too."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scudo_agent.agent import browser
from scudo_agent.agent.browser import NoShotError, View, find, session, shoot, tidy
from scudo_agent.agent.networks import Allowance
from scudo_agent.picture import PICTURE_LIMIT, Size, look
from scudo_agent.probes.http import HttpSettings
from support.certs import Authority
from support.patience import wait_until
from support.pictures import pixel, png
from support.webserver import running_nginx

pytestmark = pytest.mark.real

COLOUR = (0x12, 0x34, 0x56)
GREEN = (0x00, 0x80, 0x00)
STYLE = '<body style="margin:0;background:#123456">'


class Site(ThreadingHTTPServer):
    """Serves pages on loopback and notes who asked for what."""

    daemon_threads = True

    def __init__(self, pages: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that was killed has cut its connections: that is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        """A page, an endless one, or 404."""
        self.server.asked.append((self.headers["Host"], self.path))
        if self.path == "/endless":
            self._endless()
            return
        if self.path == "/slow":
            # Until then the page is not loaded, and may try what it likes.
            self.server.over.wait(2)
        page = self.server.pages.get(self.path)
        content = (page or "").encode()
        self.send_response(503 if page else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        while not self.server.over.wait(0.05):
            self.wfile.write(STYLE.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(pages: dict[str, str]) -> Iterator[Site]:
    """A site in a thread."""
    site = Site(pages)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        site.shutdown()
        site.server_close()
        thread.join(10)


def picture(url: str, *, program: str | None = None, **given: object) -> bytes:
    """What a browser shows of `url`, as the check of it is allowed to."""
    settings = HttpSettings.model_validate({"url": url} | given)
    view = View(settings=settings, allowed=Allowance(None, settings.hosts(None)))
    where = program or find()
    assert where is not None, "no browser is installed: apt install chromium"
    return asyncio.run(shoot(where, view))


def homes() -> set[str]:
    """Homes of browsers that are still there."""
    return {p.name for p in Path(tempfile.gettempdir()).glob("scudo-browser-*")}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = homes()
    yield
    assert homes() <= before


def test_the_picture_shows_the_page() -> None:
    with serving({"/login": f"{STYLE}<h1>Fuori servizio</h1>"}) as site:
        content = picture(f"http://127.0.0.1:{site.port}/login")
    assert look(content) == Size(browser.WIDTH, browser.HEIGHT)
    assert pixel(content, 1200, 700) == COLOUR


def test_a_page_reaches_nothing_but_its_own_host() -> None:
    stun = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stun.bind(("127.0.0.1", 0))
    stun.setblocking(False)
    with stun, serving({}) as other, serving({}) as site:
        far = other.port
        site.pages["/"] = f"""{STYLE}
            <img src="/own.png"><img src="http://127.0.0.1:{far}/ip">
            <iframe src="http://localhost:{far}/name"></iframe>
            <img src="http://[::1]:{far}/six"><img src="http://other.example:{far}/">
            <script>
              fetch("http://127.0.0.1:{far}/fetch", {{mode: "no-cors"}});
              new WebSocket("ws://127.0.0.1:{far}/socket");
              const peer = new RTCPeerConnection({{iceServers: [
                {{urls: "stun:127.0.0.1:{stun.getsockname()[1]}"}},
                {{urls: "turn:127.0.0.1:{far}?transport=tcp",
                  username: "u", credential: "c"}}]}});
              peer.createDataChannel("x");
              peer.createOffer().then(o => peer.setLocalDescription(o));
            </script><img src="/slow">"""
        content = picture(f"http://localhost:{site.port}/")
        assert pixel(content, 1200, 700) == COLOUR
        assert (f"localhost:{site.port}", "/own.png") in site.asked
        assert other.asked == []
        with pytest.raises(BlockingIOError):
            stun.recv(2048)


def test_a_name_leads_to_the_address_that_may_be_probed() -> None:
    with serving({"/": STYLE}) as site:
        url = f"http://localhost:{site.port}/"
        settings = HttpSettings(url=url)
        view = View(settings=settings, allowed=lambda address: address == "192.0.2.1")
        where = find()
        assert where is not None
        with pytest.raises(NoShotError, match="outside the networks"):
            asyncio.run(shoot(where, view))
        assert site.asked == []


def test_a_page_that_never_ends_is_shown_as_far_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = [f.replace("--timeout=10000", "--timeout=2000") for f in browser._FLAGS]
    assert flags != list(browser._FLAGS)
    monkeypatch.setattr(browser, "_FLAGS", tuple(flags))
    with serving({}) as site:
        content = picture(f"http://127.0.0.1:{site.port}/endless")
    assert pixel(content, 1200, 700) == COLOUR


def test_the_deadline_ends_the_browser_and_all_that_is_its(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaders: list[int] = []
    start = browser._start

    async def noted(*given: object) -> object:
        process = await start(*given)  # type: ignore[arg-type]
        leaders.append(process.pid)
        return process

    monkeypatch.setattr(browser, "_start", noted)
    where = find()
    assert where is not None
    with serving({}) as site:
        settings = HttpSettings(url=f"http://127.0.0.1:{site.port}/endless")
        view = View(settings=settings, allowed=lambda _address: True)
        with pytest.raises(NoShotError, match="no picture within 3 s"):
            asyncio.run(shoot(where, view, deadline_s=3))
    assert leaders
    assert [pid for leader in leaders for pid in session(leader)] == []


def test_nothing_answers() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        with pytest.raises(NoShotError, match="Page load failed"):
            picture(url)


def test_the_browser_trusts_what_the_check_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    with running_nginx(tmp_path, authority.issue("localhost")) as nginx:
        url = f"https://localhost:{nginx.https}/"
        with pytest.raises(NoShotError, match="CERT"):
            picture(url)
        for trust in ({"verify": False}, {"ca": str(authority.ca)}):
            assert look(picture(url, **trust)).width == browser.WIDTH
    stranger = Authority(tmp_path / "other")
    with (
        running_nginx(tmp_path, stranger.issue("localhost")) as nginx,
        # The check would not trust it either, and the browser does not start.
        pytest.raises(NoShotError, match="chain is not trusted"),
    ):
        picture(f"https://localhost:{nginx.https}/", ca=str(authority.ca))


def fake(folder: Path, script: str) -> str:
    """A browser that is up to something; `$shot` is where its picture belongs."""
    program = folder / "browser"
    program.write_text(
        "#!/bin/sh\nfor word; do case $word in\n"
        "--screenshot=*) shot=${word#*=};; esac; done\n" + script
    )
    program.chmod(0o755)
    for above in (folder, *folder.parents):
        if above.owner() == "root" and above.stat().st_mode & stat.S_ISVTX:
            break  # the system's own folder for temporary files
        above.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("ln -s /etc/passwd $shot", "took no picture"),
        ("mkfifo $shot", "no file"),
        ("echo '<svg/>' > $shot", "no PNG"),
        (f"head -c {PICTURE_LIMIT + 1} /dev/zero > $shot", "more than"),
        ("echo 'No usable sandbox!' >&2; exit 1", "No usable sandbox"),
        ("head -c 100000000 /dev/zero > $shot", "more than"),
        ("exit 3", "took no picture"),
    ],
)
def test_a_browser_that_is_taken_over_gives_nothing_away(
    tmp_path: Path, script: str, why: str
) -> None:
    with pytest.raises(NoShotError, match=why):
        picture("http://127.0.0.1:9/", program=fake(tmp_path, script))


def test_the_browser_knows_nothing_of_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNMP_AUTH", "a-secret-of-the-agent")
    (tmp_path / "picture.png").write_bytes(png())
    told = run_told(
        tmp_path,
        "env; id -u; id -G; ls /proc/self/fd | wc -l; cat /proc/net/dev | wc -l; "
        "ulimit -c; echo parent $PPID self $$",
    )
    assert "a-secret" not in told
    lines = told.splitlines()
    *_, user, groups, files, devices, core, ids = lines
    if os.geteuid() == 0:
        assert user != "0"
        assert groups == user
    assert int(files) <= 4  # the three, and the folder that is being read
    assert int(devices) == 3  # two lines of heading, and loopback
    assert core == "0"
    assert ids == "parent 0 self 1"


def run_told(folder: Path, commands: str) -> str:
    """What a caged shell script says, by way of its log."""
    said: list[str] = []
    reading: Callable[[Path], str] = browser._said

    def noted(log: Path) -> str:
        said.append(log.read_text())
        return reading(log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browser, "_said", noted)
        with pytest.raises(NoShotError):
            picture("http://127.0.0.1:9/", program=fake(folder, f"({commands}) >&2"))
    return said[0]


def test_what_the_browser_left_behind_ends_with_it(tmp_path: Path) -> None:
    mark = f"scudo-left-{os.getpid()}"
    script = f"setsid sh -c 'sleep 1000; : {mark}' >/dev/null 2>&1 & sleep 0.2; exit 3"
    with pytest.raises(NoShotError):
        picture("http://127.0.0.1:9/", program=fake(tmp_path, script))
    assert _running(mark) == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


KILLED = """
import asyncio, sys
from scudo_agent.agent.browser import View, find, shoot
from scudo_agent.probes.http import HttpSettings
view = View(settings=HttpSettings(url=sys.argv[1]), allowed=lambda _: True)
asyncio.run(shoot(find(), view))
"""


def test_a_killed_agent_leaves_no_browser_and_the_next_no_home() -> None:
    with serving({}) as site:
        url = f"http://127.0.0.1:{site.port}/endless"
        agent = subprocess.Popen([sys.executable, "-c", KILLED, url])
        try:
            assert wait_until(lambda: bool(site.asked), limit_s=60)
            mark = f"scudo-browser-{agent.pid}-"
            (home,) = (name for name in homes() if name.startswith(mark))
        finally:
            agent.kill()
            agent.wait(10)
        assert wait_until(lambda: not _running(mark), limit_s=30), _running(mark)
    assert home in homes()
    tidy()
    assert home not in homes()


def _running(mark: str) -> list[str]:
    """Processes whose command has the mark."""
    found = Path("/proc").glob("[0-9]*/cmdline")
    return [str(path) for path in found if mark.encode() in _read(path)]


REFUSED = """
import ctypes, sys
from types import SimpleNamespace
from scudo_agent.agent import cage

def refuse(spaces):
    ctypes.set_errno(1)
    return -1

cage._libc = SimpleNamespace(unshare=refuse)
sys.exit(cage.main(sys.argv[1:]))
"""


def test_without_a_cage_no_browser_starts(tmp_path: Path) -> None:
    """As under a unit with `RestrictNamespaces=yes`, or in a bare container."""
    program = fake(tmp_path, f"touch {tmp_path}/started")
    ours, theirs = socket.socketpair()
    before, module = list[str](), ["-m", "scudo_agent.agent.cage"]
    if os.geteuid() == 0:
        before = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    else:
        module = ["-c", REFUSED]
    with ours, theirs:
        done = subprocess.run(
            [
                *(*before, sys.executable, "-I", *module),
                *(str(theirs.fileno()), "1", "0", "65534", "65534", program),
            ],
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("cage: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "started").exists()
