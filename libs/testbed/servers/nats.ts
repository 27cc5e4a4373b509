import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { BUS_USERS, inboxPrefix, passwordVariable, type BusUser } from '#contracts';
import { projectRoot } from '../project-root.js';
import { ask } from './ask.js';
import { serverBinary } from './binary.js';
import { startServer, type ThrowAwayServer } from './throw-away-server.js';

/** What a client has to say to come in as a user. */
export interface Credentials {
  user: string;
  pass: string;
  inboxPrefix: string;
}

export interface NatsServer extends ThrowAwayServer {
  /** How to connect as one of the users; as anybody, where the server knows none. */
  as(user: BusUser): { servers: string } & Partial<Credentials>;
  /** The same for one of our programs: its environment. */
  environmentOf(user: BusUser): Record<string, string>;
}

const USERS = join(projectRoot, 'libs/contracts/generated/nats-users.conf');

/** A letter first: nats-server takes what looks like a number for one. */
const passwords = () => new Map(BUS_USERS.map((user) => [user, `p${randomBytes(18).toString('hex')}`]));

/**
 * A real nats-server with JetStream on file storage. `storeDir` keeps the streams after `stop`. With `users` everybody has to be
 * one of the users of the bus, under passwords of this server's own.
 */
export async function startNats(
  options: { port?: number; storeDir?: string; users?: boolean } = {},
): Promise<NatsServer> {
  const known = options.users ? passwords() : undefined;
  const server = await startServer(
    {
      binary: serverBinary('nats-server', 'NATS_SERVER'),
      install:
        'Install it (`apt-get install nats-server` or `brew install nats-server`), or set NATS_SERVER to its path.',
      scheme: 'nats',
      args: (port, dir, log) => [
        ...(known ? ['-c', USERS] : []),
        ...['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', dir, '-l', log],
      ],
      env: Object.fromEntries([...(known ?? [])].map(([user, password]) => [passwordVariable(user), password])),
      probe: (port) => ask(port, 'INFO '), // spoken to every client once JetStream has recovered its streams
    },
    { port: options.port, dir: options.storeDir },
  );
  const as = (user: BusUser) => {
    const pass = known?.get(user);
    return { servers: server.url, ...(pass && { user, pass, inboxPrefix: inboxPrefix(user) }) };
  };
  const environmentOf = (user: BusUser): Record<string, string> => {
    const pass = known?.get(user);
    return { NATS_URL: server.url, ...(pass && { NATS_USER: user, NATS_PASSWORD: pass }) };
  };
  return Object.assign(server, { as, environmentOf });
}
