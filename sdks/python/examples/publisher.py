"""Creates a webhook, publishes an event, and shows what became of it: `python publisher.py https://example.com/hooks`."""

import sys

from flux_webhooks import APIError, Flux

# FLUX_API_URL and FLUX_API_KEY say where the API is, and who asks
with Flux() as flux:
    try:
        webhook = flux.webhooks.create(sys.argv[1], ["order.*"])
        event = flux.events.publish("order.completed", {"order": 7}, idempotency_key="order-7-completed")
    except APIError as error:
        sys.exit(str(error))
    print(webhook.id, webhook.secret)
    for delivery in flux.events.deliveries(event.id):
        print(event.id, delivery.webhook, delivery.status)
