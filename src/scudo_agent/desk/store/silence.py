"""Sites whose agents are not heard any more (`reliability.md` 1.8).

That the agent is silent is the provider's affair: the customer's services may all
be well. The incident is dated at the last hello; the ledger knows nothing from then
on, until the agent is back and says what it measured.
"""

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, literal, select

from scudo_agent.desk.own_words import SILENT
from scudo_agent.desk.store.database import Database
from scudo_agent.desk.store.own import OwnIncidents
from scudo_agent.desk.store.pair_watch import PairWatch
from scudo_agent.desk.store.post import Posting
from scudo_agent.desk.store.tables import agent, incident
from scudo_agent.instant import MINUTE, SECOND, Instant

SILENT_US = 90 * SECOND
"""Three hellos: without one for so long an agent is silent."""

GRACE_US = 5 * MINUTE
"""After the desk's own outage nobody is silent for so long, or as long as it was."""

_STOOD_US = MINUTE
"""Between two looks no more than so much time passes in a desk that runs."""


class Silence:
    """Opens and ends the incidents of silent sites.

    `lived` is the last instant that the desk wrote before it was started. A desk
    that stood still, or whose clock was set, was away for that time.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], Instant],
        posting: Posting,
        *,
        lived: Instant,
    ) -> None:
        self._database = database
        self._now = now
        self._posting = posting
        self._looked = lived
        self._patient_until = Instant(0)
        self._pairs = PairWatch(database, posting)
        self._lock = threading.Lock()

    @property
    def patient(self) -> bool:
        """Whether the desk was away: what nobody said meanwhile means nothing."""
        return self._now() < self._patient_until

    def look(self) -> tuple[int, int]:
        """How many sites fell silent, and how many are heard again, since last time.

        One agent of a pair counts, too.
        """
        with self._lock:
            now = self._now()
            away = now - self._looked
            if away > _STOOD_US and self._looked:
                until = Instant(now + max(away, GRACE_US))
                self._patient_until = max(self._patient_until, until)
            self._looked = now
            patient = now < self._patient_until
        with self._database.read() as db:
            sites = db.execute(_HEARD).all()
        silent = [one for one in sites if not patient and _fell_silent(one, now)]
        heard = [one for one in sites if _is_back(one, now)]
        for one in silent:
            self._tell(one, now, opens=True)
        for one in heard:
            self._tell(one, now, opens=False)
        fell, back = (0, 0) if patient else self._pairs.look(now, SILENT_US)
        return len(silent) + fell, len(heard) + back

    def _tell(self, one: Any, now: Instant, *, opens: bool) -> None:
        where = (one.tenant_id, one.site_id)
        with self._database.write() as db:
            own = OwnIncidents(db, where, now=now, posting=self._posting)
            if opens:
                own.open(SILENT, Instant(one.heard_us))
            else:
                # An agent that was taken away leaves nobody to be heard.
                own.recover(SILENT, Instant(one.heard_us or now))


def _fell_silent(one: Any, now: Instant) -> bool:
    gone = one.heard_us is not None and now - one.heard_us > SILENT_US
    return gone and one.silent_us is None


def _is_back(one: Any, now: Instant) -> bool:
    if one.silent_us is None:
        return False
    return one.heard_us is None or now - one.heard_us <= SILENT_US


_SUBJECT = f"{SILENT}:"
_OPEN = (
    select(func.max(incident.c.opened_us))
    .where(
        incident.c.tenant_id == agent.c.tenant_id,
        incident.c.site_id == agent.c.site_id,
        incident.c.subject_open,
        incident.c.subject_key == literal(_SUBJECT).concat(agent.c.site_id),
    )
    .scalar_subquery()
)
_HEARD = select(
    agent.c.tenant_id,
    agent.c.site_id,
    # Of a pair one is enough; who was revoked is not waited for.
    func.max(agent.c.hello_us).filter(agent.c.revoked_us.is_(None)).label("heard_us"),
    _OPEN.label("silent_us"),
).group_by(agent.c.tenant_id, agent.c.site_id)
