"""The walk through a ticket's life in a browser, with PostgreSQL behind the desk."""

from collections.abc import Iterator

import pytest

from browser.test_ticket_life import browser as browser
from browser.test_ticket_life import refs as refs
from browser.test_ticket_life import (
    test_a_technician_leads_a_ticket_through_its_life as test_the_walk,  # noqa: F401
)
from browser.test_ticket_life import tina as tina
from scudo_agent.desk.app import Desk
from support.desk_thread import served_desk
from support.on_postgresql import behind
from support.on_postgresql import cluster as cluster
from support.postgres import Cluster

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """As the walk's own, on a server."""
    folder = tmp_path_factory.mktemp("desk")
    server = cluster.server(cluster.migrated(folder / "template"))
    with pytest.MonkeyPatch.context() as patch:
        behind(patch, server)
        with served_desk(folder / "state") as served:
            assert "/desk_" in served.store.database.name
            yield served
