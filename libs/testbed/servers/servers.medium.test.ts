import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { startNats } from './nats.js';
import { startRedis } from './redis.js';
import { ServerMissingError, type ThrowAwayServer } from './throw-away-server.js';

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((r) => setTimeout(r, 10));
};

let server: ThrowAwayServer | undefined;
afterEach(() => server?.stop());

describe('throw-away servers', () => {
  it('keep JetStream messages over SIGKILL and restart', async () => {
    server = await startNats();
    const before = await connect({ servers: server.url });
    await (await jetstreamManager(before)).streams.add({ name: 'S', subjects: ['s'] });
    await jetstream(before).publish('s', 'kept');
    await before.close();
    const pid = server.pid;
    await server.kill('SIGKILL');
    expect(alive(pid)).toBe(false);
    await server.restart();
    const after = await connect({ servers: server.url });
    expect((await (await jetstreamManager(after)).streams.info('S')).state.messages).toBe(1);
    await after.close();
  });

  it('keep Redis keys over SIGKILL and restart', async () => {
    server = await startRedis();
    const before = new Redis(server.url);
    await before.set('k', 'kept');
    before.disconnect();
    await server.kill('SIGKILL');
    await server.restart();
    const after = new Redis(server.url);
    expect(await after.get('k')).toBe('kept');
    after.disconnect();
  });

  it('run beside each other on ports of their own', async () => {
    const many = await Promise.all([startRedis(), startRedis(), startNats(), startNats()]);
    expect(new Set(many.map((s) => s.port)).size).toBe(4);
    await Promise.all(many.map((s) => s.stop()));
    expect(many.map((s) => alive(s.pid))).toEqual([false, false, false, false]);
  });

  it('end when the process that started them is killed', async () => {
    // The watchdog's script itself, from a parent that gets no chance to clean up.
    const dir = await mkdtemp(join(tmpdir(), 'antibody-parent-'));
    server = await startRedis({ dir });
    const parent = spawn(
      process.execPath,
      [
        '-e',
        `const c = require('child_process').spawn('/bin/sh', ['-c', 'read _; kill -9 "$0"', '${server.pid}'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true }); console.log(c.pid); setInterval(() => {}, 1e3)`,
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    const { pid } = server;
    await until(() => !alive(pid));
    expect(alive(pid)).toBe(false);
    await rm(dir, { recursive: true, force: true });
  });

  it('say how to install a missing binary', async () => {
    const before = process.env['NATS_SERVER'];
    process.env['NATS_SERVER'] = '/no/such/nats-server';
    try {
      const error: unknown = await startNats().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(ServerMissingError);
      expect((error as Error).message).toMatch(/apt-get install nats-server/);
    } finally {
      if (before === undefined) delete process.env['NATS_SERVER'];
      else process.env['NATS_SERVER'] = before;
    }
  });
});
