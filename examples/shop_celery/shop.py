"""A shop with Celery and no code of Flux Dispatch: an order is completed, and a message says so."""

import os
import sys

from celery import Celery

app = Celery("shop", broker=os.environ["BROKER_URL"])


def complete_order(order: int, total: str) -> None:
    """Complete an order."""
    # ... whatever completes it in the shop, and then:
    app.send_task(
        "flux.publish",
        kwargs={
            "account": os.environ["ACCOUNT"],
            "type": "order.completed",
            "data": {"order": order, "total": total},
            "idempotency_key": f"order-{order}-completed",
        },
        queue="ingest",
    )


if __name__ == "__main__":
    complete_order(int(sys.argv[1]), sys.argv[2])
