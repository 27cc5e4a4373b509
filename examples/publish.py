"""Publishes samples and labels for a model that Antibody cannot look into. Needs nats-py.

    [NATS_USER=publisher NATS_PASSWORD=...] python examples/publish.py [nats://127.0.0.1:4222]
"""
import asyncio
import json
import os
import sys

import nats


async def complain(error: Exception) -> None:
    print(f"{error}: are the URL, NATS_USER and NATS_PASSWORD right?", file=sys.stderr)


async def main(url: str) -> None:
    user, password = os.environ.get("NATS_USER"), os.environ.get("NATS_PASSWORD")
    # Where the bus has users, the server's answers reach each under a prefix of its own only.
    inbox = f"_INBOX.{user}" if user else "_INBOX"
    try:
        client = await nats.connect(url, user=user, password=password, inbox_prefix=inbox, error_cb=complain)
    except nats.errors.Error:
        sys.exit(1)  # said already
    stream = client.jetstream()  # waits until the server has stored each message

    async def publish(subject: str, body: object) -> None:
        await stream.publish(subject, json.dumps(body).encode())

    # A model name and whether the prediction was right are enough.
    await publish("accuracy.sample", {"model": "fraud", "correct": True})

    # A batch, with a signal of your own: 1 = out of the ordinary.
    samples = [
        {"namespace": "ml", "model": "fraud", "revision": "r7", "id": "request-1", "correct": False},
        {"namespace": "ml", "model": "fraud", "revision": "r7", "id": "request-2", "signals": {"amount-out-of-range": 1}},
    ]
    await publish("accuracy.sample.ml.fraud", {"samples": samples})

    # The true class of a logged request, whenever it becomes known.
    await publish("label.observed", {"namespace": "ml", "model": "mnist", "id": "request-3", "label": 7})

    print("published 3 samples and 1 label")
    await client.close()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NATS_URL", "nats://127.0.0.1:4222")))
