import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { inboxPrefix } from '#contracts';
import { AuthorizationError, connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';

export const NATS = Symbol('NATS');

/** Where the server is, and as whom to go there. */
export interface NatsAccess {
  /** One or more, comma-separated; the first may hold credentials. */
  url: string;
  /** Goes before what the URL says. */
  user?: string;
  password?: string;
}

const PATIENCE_MS = 2_000;
const RETRY_MS = 250;
const REMEMBERED = 1_000;

/** Connects, waits for a server that is not there yet, and stays: reconnects are endless and logged. */
export async function connectNats(access: NatsAccess, name: string): Promise<NatsConnection> {
  const logger = new Logger('nats');
  const options = connectionOptions(access);
  const sayRefused = once(() =>
    logger.error(
      `the server refuses ${options.user ? `the user "${options.user}"` : 'a client without a user'}: check NATS_USER and NATS_PASSWORD`,
    ),
  );
  const waiting = setTimeout(() => logger.warn('waiting for the NATS server'), PATIENCE_MS);
  for (;;) {
    try {
      const connection = await connect({
        ...options,
        name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RETRY_MS,
        ignoreAuthErrorAbort: true, // credentials may be mended on the server meanwhile
      });
      clearTimeout(waiting);
      void logStatus(connection, logger, options.user, sayRefused);
      return connection;
    } catch (error) {
      if (error instanceof AuthorizationError) sayRefused();
      await sleep(RETRY_MS);
    }
  }
}

type ConnectionOptions = { servers: string[]; user?: string; pass?: string; token?: string; inboxPrefix?: string };

/**
 * `nats://user:password@a:4222,nats://b:4222` or `nats://token@a:4222`: the client wants credentials apart. A user has a prefix of
 * its own for what it is sent.
 */
export function connectionOptions(access: NatsAccess): ConnectionOptions {
  const urls = access.url.split(',').map((one) => new URL(one.trim()));
  const servers = urls.map(({ protocol, host }) => `${protocol}//${host}`);
  const user = access.user ?? decodeURIComponent(urls[0]?.username ?? '');
  const pass = access.user ? access.password : decodeURIComponent(urls[0]?.password ?? '');
  if (!user) return { servers };
  return pass ? { servers, user, pass, inboxPrefix: inboxPrefix(user) } : { servers, token: user };
}

/** Whether the server has refused to let the user do something; `error` may be what came of it. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof PermissionViolationError ||
  (error instanceof Error && error.cause instanceof PermissionViolationError);

async function logStatus(
  connection: NatsConnection,
  logger: Logger,
  user: string | undefined,
  sayRefused: () => void,
): Promise<void> {
  const said = new Set<string>();
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') logger.warn('disconnected');
    if (status.type === 'reconnect') logger.log('connected again');
    if (status.type !== 'error') continue;
    const { error } = status;
    if (error instanceof AuthorizationError) sayRefused();
    if (!(error instanceof PermissionViolationError)) continue;
    const verb = error.operation === 'publish' ? 'publish to' : 'subscribe to';
    const text = `the NATS user "${user ?? ''}" may not ${verb} "${error.subject}": see docs/bus-users.md`;
    if (said.has(text)) continue; // whoever was refused tries again
    if (said.size === REMEMBERED) said.clear();
    said.add(text);
    logger.error(text);
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
