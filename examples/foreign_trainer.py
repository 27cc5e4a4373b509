"""A trainer that is not ours: takes hardening jobs and lets a command of yours do the work. Needs nats-py.

    [NATS_USER=foreign-trainer NATS_PASSWORD=...] python examples/foreign_trainer.py nats://127.0.0.1:4222 /shared/candidates python train.py

The command is run with two more arguments: the model file to harden, and the file to write.
"""
import asyncio
import hashlib
import json
import os
import pathlib
import sys
import time
from datetime import datetime, timezone
from urllib.parse import quote, unquote, urlparse

import nats

if len(sys.argv) < 4:
    sys.exit("usage: foreign_trainer.py NATS_URL FOLDER COMMAND [ARGUMENT ...]")
url, folder, *command = sys.argv[1:]


async def heartbeat(message) -> None:
    while True:
        await asyncio.sleep(3)
        await message.in_progress()


async def train(stream, message) -> None:
    job = json.loads(message.data)["data"]
    print("job", job["jobId"], flush=True)
    out = pathlib.Path(folder).resolve() / (quote(job["jobId"], safe="") + ".onnx")
    source = unquote(urlparse(job["modelFile"]["uri"]).path)
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, source, str(out))
    code = await process.wait()

    data = {key: job[key] for key in ("namespace", "model", "jobId", "defenseId")} | {"trainer": "foreign"}
    if code == 0:
        name = "training.completed"
        candidate = {"uri": out.as_uri(), "sha256": hashlib.sha256(out.read_bytes()).hexdigest()}
        data |= {"candidate": candidate, "report": None, "epochs": 0, "seconds": time.monotonic() - started}
    else:
        name = "training.failed"
        data |= {"reason": f"{command[0]} ended with code {code}", "cancelled": False}
    event = {
        "specversion": "1.0",
        "id": f"{name}/{job['jobId']}",
        "source": "/foreign-trainer",
        "type": f"dev.antibody.{name}.v1",
        "time": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    subject = f"{name}.{job['namespace']}.{job['model']}"
    await stream.publish(subject, json.dumps(event).encode(), headers={"Nats-Msg-Id": event["id"]})
    await message.ack_sync()  # only now: whoever dies before this has done nothing
    print(name, job["jobId"], flush=True)


async def main() -> None:
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    user, password = os.environ.get("NATS_USER"), os.environ.get("NATS_PASSWORD")
    # Where the bus has users, jobs and the server's answers reach each under a prefix of its own only.
    inbox = f"_INBOX.{user}" if user else "_INBOX"
    client = await nats.connect(url, user=user, password=password, inbox_prefix=inbox)
    stream = client.jetstream()
    # Trainers share the durable consumer `training`: each job goes to one of them, as long as it says that it is at work.
    consumer = await stream.pull_subscribe("training.requested.>", "training", "JOBS")
    print("waiting for jobs", flush=True)
    while True:
        try:
            (message,) = await consumer.fetch(1, timeout=5)
        except nats.errors.TimeoutError:
            continue
        beat = asyncio.create_task(heartbeat(message))
        try:
            await train(stream, message)
        finally:
            beat.cancel()


asyncio.run(main())
