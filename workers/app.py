"""The Celery app that `celery -A workers.app` and the `flux` command run."""

from celery import Celery
from celery.signals import setup_logging

from config.celeryconfig import celery_settings, forget_foreign_settings
from config.logs import set_up_logs
from config.settings import load_settings
from workers.bootstep import EngineStep
from workers.broker_outage import survive_lost_connections
from workers.redis_client_reuse import share_redis_clients
from workers.unreadable import refuse_what_is_no_message

forget_foreign_settings()
settings = load_settings()
survive_lost_connections()
refuse_what_is_no_message()
share_redis_clients()

app = Celery("flux", include=["workers.tasks", "workers.version"])
app.config_from_object(celery_settings(settings.need_redis_url()))
app.steps["worker"].add(EngineStep)
app.flux_settings = settings


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    set_up_logs(settings.log_format, settings.log_level)
