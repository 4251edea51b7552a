"""Receives webhooks with Flask: `WEBHOOK_SECRET=whsec_… flask --app flask_receiver run --port 8001`."""

import os

from flask import Flask, request

from flux_webhooks import SignatureError, verify

SECRET = os.environ["WEBHOOK_SECRET"]
app = Flask(__name__)


@app.post("/webhooks/flux")
def receive() -> tuple[str, int]:
    try:
        event = verify(request.get_data(), request.headers.get("flux-signature"), SECRET)
    except SignatureError as error:
        return error.code, 500 if error.code == "bad_secret" else 400
    print(event["id"], event["type"], event["data"], flush=True)
    return "", 204
