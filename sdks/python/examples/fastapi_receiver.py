"""Receives webhooks with FastAPI: `WEBHOOK_SECRET=whsec_… uvicorn fastapi_receiver:app --port 8001`."""

import os

from fastapi import FastAPI, HTTPException, Request

from flux_webhooks import SignatureError, verify

SECRET = os.environ["WEBHOOK_SECRET"]
app = FastAPI()


@app.post("/webhooks/flux", status_code=204)
async def receive(request: Request) -> None:
    try:
        event = verify(await request.body(), request.headers.get("flux-signature"), SECRET)
    except SignatureError as error:
        raise HTTPException(500 if error.code == "bad_secret" else 400, error.code) from error
    print(event["id"], event["type"], event["data"], flush=True)
