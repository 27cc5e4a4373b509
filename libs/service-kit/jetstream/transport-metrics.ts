import { Counter, Histogram, type Registry } from 'prom-client';

export type Outcome = 'acknowledged' | 'retried' | 'dead';

export interface TransportMetrics {
  duration: Histogram<'handler'>;
  count(handler: string, outcome: Outcome): void;
}

export function transportMetrics(registry: Registry): TransportMetrics {
  const messages = new Counter({
    name: 'antibody_messages_total',
    help: 'Messages settled, by handler (durable consumer) and outcome',
    labelNames: ['handler', 'outcome'],
    registers: [registry],
  });
  return {
    duration: new Histogram({
      name: 'antibody_message_seconds',
      help: 'Time a handler took for a message or a batch',
      labelNames: ['handler'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600],
      registers: [registry],
    }),
    count: (handler, outcome) => messages.inc({ handler, outcome }),
  };
}
