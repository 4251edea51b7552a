"""Code in several languages, as pages offer it; and how a receiver verifies what it gets."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sample:
    """Code in one language: its name for people, and the one by which it is highlighted."""

    name: str
    language: str
    code: str


_PYTHON: Final = """\
from flux_webhooks import SignatureError, verify

def receive(body: bytes, headers, secret):
    signature = headers.get("flux-signature")
    try:
        event = verify(body, signature, secret)
    except SignatureError as error:
        print(error.code, error)
        return 400
    print(event["id"], event["type"], event["data"])
    return 204"""

_NODE: Final = """\
import express from "express";
import { Flux } from "@flux/node";

const flux = new Flux();
const app = express();

// the raw body: parsed, it no longer has the bytes that were signed
app.post("/hooks", express.raw({ type: "*/*" }), (req, res) => {
  try {
    const event = flux.webhooks.verify(
      req.body,
      req.headers["flux-signature"],
      process.env.FLUX_WEBHOOK_SECRET,
    );
    console.log(event.id, event.type, event.data);
    res.sendStatus(204);
  } catch (error) {
    res.status(400).send(error.code);
  }
});"""

_CURL: Final = """\
# what is not signed must be refused: this has to answer 400
curl -i https://example.com/hooks \\
  -H "content-type: application/json" \\
  -H "flux-signature: t=0,v1=00" \\
  -d '{"id":"evt_1","type":"order.completed"}'"""

VERIFYING: Final = (Sample("Node", "javascript", _NODE), Sample("Python", "python", _PYTHON))
"""What a receiver does with a request."""

VERIFYING_AND_TRYING: Final = (*VERIFYING, Sample("curl", "bash", _CURL))
"""The same, and how one sees that it refuses what is not signed."""
