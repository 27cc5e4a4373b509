"""Prints every attack, whatever the model. Needs nats-py.

    [NATS_USER=observer NATS_PASSWORD=...] python examples/subscribe.py [nats://127.0.0.1:4222]
"""
import asyncio
import json
import os
import sys

import nats


async def main(url: str) -> None:
    client = await nats.connect(url, user=os.environ.get("NATS_USER"), password=os.environ.get("NATS_PASSWORD"))
    print("listening for attacks", flush=True)
    subscription = await client.subscribe("attack.detected.>")
    async for message in subscription.messages:
        data = json.loads(message.data)["data"]
        print(f"{data['namespace']}/{data['model']} ({data['revision']}): {data['severity']} - {data['statement']}", flush=True)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NATS_URL", "nats://127.0.0.1:4222")))
