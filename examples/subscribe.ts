// Prints every attack, whatever the model. Needs nothing but a NATS client.
//   [NATS_USER=observer NATS_PASSWORD=...] node dist/examples/subscribe.js [nats://127.0.0.1:4222]
import { connect } from '@nats-io/transport-node';

interface Attack {
  data: { namespace: string; model: string; revision: string; severity: string; statement: string };
}

const { NATS_USER: user, NATS_PASSWORD: pass } = process.env;
const nats = await connect({
  servers: process.argv[2] ?? process.env.NATS_URL ?? 'nats://127.0.0.1:4222',
  ...(user && { user, pass }),
});
console.log('listening for attacks');
for await (const message of nats.subscribe('attack.detected.>')) {
  const { data } = message.json<Attack>();
  console.log(`${data.namespace}/${data.model} (${data.revision}): ${data.severity} - ${data.statement}`);
}
