"""Prints every attack, whatever the model. Needs nats-py.

    [NATS_USER=observer NATS_PASSWORD=...] python examples/subscribe.py [nats://127.0.0.1:4222]
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
    try:
        client = await nats.connect(url, user=user, password=password, error_cb=complain)
    except nats.errors.Error:
        sys.exit(1)  # said already
    print("listening for attacks", flush=True)
    subscription = await client.subscribe("attack.detected.>")
    async for message in subscription.messages:
        data = json.loads(message.data)["data"]
        print(f"{data['namespace']}/{data['model']} ({data['revision']}): {data['severity']} - {data['statement']}", flush=True)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NATS_URL", "nats://127.0.0.1:4222")))
