// Prints every attack, whatever the model. Needs nothing but a NATS client.
//   [NATS_USER=observer NATS_PASSWORD=...] node dist/examples/subscribe.js [nats://127.0.0.1:4222]
import { connect } from '@nats-io/transport-node';

interface Attack {
  data: { namespace: string; model: string; revision: string; severity: string; statement: string };
}

const { NATS_USER: user, NATS_PASSWORD: pass } = process.env;
const servers = process.argv[2] ?? process.env.NATS_URL ?? 'nats://127.0.0.1:4222';
const nats = await connect({
  servers,
  ...(user && { user, pass }),
}).catch((error: Error) => {
  console.error(`${servers}: ${error.message}. Where the bus has users, set NATS_USER and NATS_PASSWORD.`);
  process.exit(1);
});
console.log('listening for attacks');
for await (const message of nats.subscribe('attack.detected.>')) {
  const { data } = message.json<Attack>();
  console.log(`${data.namespace}/${data.model} (${data.revision}): ${data.severity} - ${data.statement}`);
}
