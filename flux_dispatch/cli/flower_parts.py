"""What Flower does otherwise here: it gets no payload, finds a broker that comes back, and is read by no other site."""

import re
import time
from typing import Any, Final

import flower.app
import structlog
from celery.events import EventReceiver
from flower.events import Events
from flower.inspector import Inspector
from flower.urls import handlers
from flower.views import BaseHandler
from flower.views.workers import WorkersView
from tornado.web import HTTPError

FIRST_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 4.0
"""Between two tries to reach a broker that is unavailable. Flower doubles its pause without end: after an hour of Redis
it would be blind for another one."""

PUBLISH: Final = "flux.publish"
"""The task whose message holds what happened, and not ids alone."""

_ACCOUNT: Final = re.compile(r"\bacct_[0-9a-f]{32}\b", re.ASCII)

log = structlog.get_logger("flux.flower")


def replace_parts() -> None:
    """Have this process's Flower do so; its command offers no other place. To be called before that runs."""
    # behind a prefix its first page stands at /flower/; at /flower, where OAuth leads back to, nothing does
    flower.app.default_handlers = [("", WorkersView), *handlers]
    flower.app.Events = FlowerEvents
    flower.app.Inspector = FlowerInspector
    BaseHandler.set_default_headers = _set_default_headers
    BaseHandler.get_current_user = _current_user


class FlowerEvents(Events):  # type: ignore[misc]
    """Listens to the workers' events, however often the broker is unavailable, and says so in one line."""

    def run(self) -> None:
        """Listen, until the process ends."""
        pause, is_unavailable = FIRST_PAUSE_SECONDS, False
        while True:
            try:
                with self.capp.connection() as connection:
                    connection.ensure_connection(max_retries=1, interval_start=0, timeout=MAX_PAUSE_SECONDS)
                    if is_unavailable:
                        log.info("flower.broker_available")
                    pause, is_unavailable = FIRST_PAUSE_SECONDS, False
                    receiver = EventReceiver(connection, handlers={"*": self.on_event}, app=self.capp)
                    receiver.capture(limit=None, timeout=None, wakeup=True)
            except Exception as error:  # noqa: BLE001 - kombu's have no common root; this thread must not end
                if not is_unavailable:
                    consequence = "tried until it answers"
                    log.warning("flower.broker_unavailable", cause=str(error)[:200], consequence=consequence)
                is_unavailable = True
            time.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def on_event(self, event: dict[str, Any]) -> None:
        """Take an event in; it is kept in a file as well."""
        super().on_event(without_payload(event))


class FlowerInspector(Inspector):  # type: ignore[misc]
    """Takes in what workers say of the tasks that they have."""

    def _on_update(self, workername: str, method: str, response: Any) -> None:  # noqa: ANN401 - Celery has no types
        if method in self.task_inspect_methods and isinstance(response, list):
            for each in response:
                if isinstance(each, dict):
                    without_payload(each.get("request", each))
        super()._on_update(workername, method, response)


def without_payload(task: dict[str, Any]) -> dict[str, Any]:
    """Have what is said of a task say whose event it publishes, and not what happened."""
    if task.get("name") == PUBLISH and task.get("kwargs"):
        account = _ACCOUNT.search(str(task["kwargs"]))
        task["args"] = f"1 event of {account[0]}" if account else "1 event"
        task["kwargs"] = ""
    return task


def _set_default_headers(handler: BaseHandler) -> None:
    """Set no more than this: where nobody is asked for a password, Flower would let any site's pages read its own."""
    handler.set_header("X-Content-Type-Options", "nosniff")


_get_current_user = BaseHandler.get_current_user


def _current_user(handler: BaseHandler) -> object:
    """Return who asks; a password beyond ASCII is none, and no error of ours."""
    try:
        return _get_current_user(handler)
    except TypeError as error:
        raise HTTPError(401) from error
