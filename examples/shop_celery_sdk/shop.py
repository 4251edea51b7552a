"""A shop with Celery and the SDK: an order is completed, and what is wrong with its event is said at once."""

import os
import sys
from decimal import Decimal

from celery import Celery
from flux_webhooks.celery import publish

app = Celery("shop", broker=os.environ["BROKER_URL"])


def complete_order(order: int, total: Decimal) -> str:
    """Complete an order, and return the idempotency key of the event."""
    # ... whatever completes it in the shop, and then:
    data = {"order": order, "total": total}
    return publish(app, os.environ["ACCOUNT"], "order.completed", data, f"order-{order}-completed")


if __name__ == "__main__":
    sys.stdout.write(complete_order(int(sys.argv[1]), Decimal(sys.argv[2])) + "\n")
