import { describe, expect, it } from '@jest/globals';
import { Type } from '#contracts';
import { ConfigError, readConfig, serviceVariables } from './config.js';

const schema = Type.Object({
  ...serviceVariables,
  RATE: Type.Number({ default: 0.5, maximum: 1 }),
  DRY_RUN: Type.Boolean({ default: false }),
  HOSTS: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
  API_KEY: Type.String({ minLength: 20 }),
});
const key = 'k'.repeat(20);

describe('readConfig', () => {
  it('converts what is set and fills in the rest', () => {
    expect(
      readConfig(schema, { API_KEY: key, PORT: '8080', DRY_RUN: 'true', HOSTS: 'a, b', RATE: '', OTHER: 'x' }),
    ).toEqual({
      NATS_URL: 'nats://127.0.0.1:4222',
      HOST: '127.0.0.1',
      PORT: 8080,
      LOG_LEVEL: 'info',
      RATE: 0.5,
      DRY_RUN: true,
      HOSTS: ['a', 'b'],
      API_KEY: key,
    });
  });

  it('wants a password with a user', () => {
    const set = { API_KEY: key, NATS_USER: 'trainer' };
    expect(() => readConfig(schema, set)).toThrow(
      /^The environment does not fit:\n {2}NATS_PASSWORD is missing, and NATS_USER is set$/,
    );
    expect(readConfig(schema, { ...set, NATS_PASSWORD: 'p' })).toMatchObject({ NATS_USER: 'trainer' });
  });

  it('names every variable that does not fit, and shows no value', () => {
    const read = () => readConfig(schema, { PORT: 'eighty', LOG_LEVEL: 'loud', RATE: '2', HTTP_TOKEN: 'hunter2' });
    expect(read).toThrow(ConfigError);
    let message = '';
    try {
      read();
    } catch (error) {
      message = (error as Error).message;
    }
    for (const name of ['PORT', 'LOG_LEVEL', 'RATE', 'HTTP_TOKEN', 'API_KEY is missing'])
      expect(message).toContain(name);
    for (const value of ['eighty', 'loud', 'hunter2']) expect(message).not.toContain(value);
  });
});
