// Publishes samples and labels for a model that Antibody cannot look into: XGBoost, anything behind HTTP.
//   [NATS_USER=publisher NATS_PASSWORD=...] node dist/examples/publish.js [nats://127.0.0.1:4222]
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const { NATS_USER: user, NATS_PASSWORD: pass } = process.env;
// Where the bus has users, the server's answers reach each under a prefix of its own only.
const credentials = user ? { user, pass, inboxPrefix: `_INBOX.${user}` } : {};
const servers = process.argv[2] ?? process.env.NATS_URL ?? 'nats://127.0.0.1:4222';
const nats = await connect({
  servers,
  ...credentials,
}).catch((error: Error) => {
  console.error(`${servers}: ${error.message}. Where the bus has users, set NATS_USER and NATS_PASSWORD.`);
  process.exit(1);
});
const stream = jetstream(nats); // waits until the server has stored each message

// A model name and whether the prediction was right are enough.
await stream.publish('accuracy.sample', JSON.stringify({ model: 'fraud', correct: true }));

// A batch, with a signal of your own: 1 = out of the ordinary. Tolerate its usual share in the policy (detection.tolerances).
const samples = [
  { namespace: 'ml', model: 'fraud', revision: 'r7', id: 'request-1', correct: false },
  { namespace: 'ml', model: 'fraud', revision: 'r7', id: 'request-2', signals: { 'amount-out-of-range': 1 } },
];
await stream.publish('accuracy.sample.ml.fraud', JSON.stringify({ samples }));

// The true class of a logged request, whenever it becomes known.
await stream.publish('label.observed', JSON.stringify({ namespace: 'ml', model: 'mnist', id: 'request-3', label: 7 }));

console.log('published 3 samples and 1 label');
await nats.close();
