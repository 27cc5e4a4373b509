import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { attackDetected } from './testing/events.js';
import { openWorld, type World } from './testing/world.js';
import { openApi } from './handlers/api.js';

let world: World | undefined;
jest.setTimeout(180_000);
afterEach(() => world?.stop());

describe('bad input', () => {
  it('a policy that cannot be followed stops the start with one line that names file and field', async () => {
    const started = openWorld(
      {},
      { change: (document) => ({ ...document, spec: { ...document.spec, approval: 'perhaps' } }) },
    );
    await expect(started).rejects.toThrow(/^digits\.yaml: [^\n]*"spec\.approval"[^\n]*$/);
  });

  it('a broken event goes to the dead letters with the reason, and the next one counts', async () => {
    world = await openWorld();
    await world.publishRaw('training.completed.ml.digits', {
      type: 'dev.antibody.training.completed.v1',
      specversion: '1.0',
    });
    await world.publishRaw('attack.detected.ml.digits', 'attack!');
    await world.publish('attack.detected', attackDetected('anomaly-1'));
    await world.seen('training.requested');
    expect(await world.deadLetters()).toEqual([
      { subject: 'dlq.training.completed.ml.digits', reason: expect.stringContaining('field "id"') },
      { subject: 'dlq.attack.detected.ml.digits', reason: expect.stringContaining('field "type"') },
    ]);
  });

  it('an event of a model without a policy is nobody’s business', async () => {
    world = await openWorld();
    await world.publish('attack.detected', { ...attackDetected('anomaly-9'), model: 'other' });
    await world.publish('attack.detected', attackDetected('anomaly-1'));
    await world.seen('training.requested');
    expect((await world.http('GET', '/v1/defenses')).body).toHaveLength(1);
  });
});

describe('HTTP', () => {
  it('answers only with the token, and serves its OpenAPI document', async () => {
    const token = 'a-token-of-the-tests';
    world = await openWorld({}, { token });
    expect((await world.http('GET', '/openapi.json')).body).toEqual(openApi());
    expect(await world.http('GET', '/v1/defenses?state=sleeping')).toMatchObject({
      status: 400,
      body: { field: 'state' },
    });
    const open = await fetch(`${world.url}/v1/policies`);
    expect(open.status).toBe(401);
    expect(await open.json()).toMatchObject({ status: 401, title: 'Unauthorized' });
  });
});
