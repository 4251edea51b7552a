"""The processes run as they are behind a PgBouncer in transaction mode."""

from pathlib import Path

from tests.support.installation import Installation
from tests.support.pooler import pooled
from tests.support.receiver import Receiver
from tests.support.waiting import eventually


def test_events_are_delivered_behind_a_pooler(installation: Installation, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pooled(installation.database_url, tmp_path) as url, Receiver(lambda _: 200) as receiver:
        installation.settings |= {"FLUX_DATABASE_URL": url}
        api = installation.start_api()
        worker = installation.start_worker()
        installation.webhook(receiver.url + "/hook")
        events = {installation.publish(order=number) for number in range(50)}
        eventually(lambda: {each.event for each in receiver.requests} == events, "every event arrives")
        eventually(installation.is_drained, "nothing is owed")
        assert len(receiver.requests) == len(events)
        assert api.logged("database.pooler")
        assert worker.stop() == 0
        assert not worker.logged("Traceback")
