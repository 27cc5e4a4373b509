import { describe, expect, it } from '@jest/globals';
import { BUS_USERS, EVENT_NAMES, SERVICES, natsUsers, passwordVariable, permissions, type EventName } from './index.js';

const services = Object.values(SERVICES) as { publishes: readonly EventName[] }[];

describe('the users of the bus', () => {
  it.each(EVENT_NAMES)('%s is said by one service', (name) => {
    expect(services.filter(({ publishes }) => publishes.includes(name))).toHaveLength(1);
  });

  it('may not act on a whole stream that they use in part', () => {
    const { publish } = permissions().trainer!;
    expect(publish.allow).toContain('$JS.API.CONSUMER.CREATE.JOBS.training.training.requested.>');
    expect(publish.allow).not.toContain('$JS.API.CONSUMER.CREATE.JOBS.training');
    expect(publish.allow.filter((subject) => /JOBS\.\*|STREAM\.(UPDATE|DELETE|PURGE)/.test(subject))).toEqual([]);
  });

  it('that follow a stream are kept from the durable consumers of others', () => {
    expect(permissions()['metrics-collector']!.publish.deny).toContain(
      '$JS.API.CONSUMER.MSG.NEXT.EVENTS.defense-orchestrator',
    );
    expect(permissions()['defense-orchestrator']!.publish.deny).toEqual([]);
  });

  it('that only listen may publish nothing', () => {
    expect(permissions().observer!.publish).toEqual({ allow: [], deny: ['>'] });
  });

  it('get their passwords from the environment', () => {
    expect(passwordVariable('foreign-trainer')).toBe('NATS_FOREIGN_TRAINER_PASSWORD');
    const found = [...natsUsers().matchAll(/password: (.*)/g)].map(([, password]) => password);
    expect(found).toEqual(BUS_USERS.map((user) => `$${passwordVariable(user)}`));
  });
});
