"""The event that every measurement sends: about 190 bytes, an order as a shop would publish it."""

TYPE = "order.completed"
DATA = {"order": "ord_8f14e45f", "amount": 4999, "currency": "EUR", "items": 3, "customer": "cus_2c9d"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a published example
