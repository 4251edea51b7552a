"""A shop that publishes over HTTP: an order is completed, and whoever wants to know of it does."""

import os
import sys

import httpx


def complete_order(order: int, total: str) -> str:
    """Complete an order, and return the id of the event."""
    # ... whatever completes it in the shop, and then:
    answer = httpx.post(
        os.environ.get("FLUX_API_URL", "http://127.0.0.1:8080") + "/v1/events",
        json={"type": "order.completed", "data": {"order": order, "total": total}},
        headers={
            "Authorization": f"Bearer {os.environ['FLUX_API_KEY']}",
            "Idempotency-Key": f"order-{order}-completed",
        },
        timeout=10,
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


if __name__ == "__main__":
    sys.stdout.write(complete_order(int(sys.argv[1]), sys.argv[2]) + "\n")
