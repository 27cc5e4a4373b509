import { Logger } from '@nestjs/common';
import { connect, type NatsConnection } from '@nats-io/transport-node';

export const NATS = Symbol('NATS');

const PATIENCE_MS = 2_000;

/** Connects, waits for a server that is not there yet, and stays: reconnects are endless and logged. */
export async function connectNats(url: string, name: string): Promise<NatsConnection> {
  const logger = new Logger('nats');
  const waiting = setTimeout(() => logger.warn('waiting for the NATS server'), PATIENCE_MS);
  const { servers, ...credentials } = connectionOptions(url);
  const connection = await connect({
    servers,
    ...credentials,
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    ignoreAuthErrorAbort: true, // credentials may be fixed on the server meanwhile
  }).finally(() => clearTimeout(waiting));
  void logStatus(connection, logger);
  return connection;
}

/** `nats://user:password@a:4222,nats://b:4222` or `nats://token@a:4222`: the client wants credentials apart. */
export function connectionOptions(url: string): { servers: string[]; user?: string; pass?: string; token?: string } {
  const urls = url.split(',').map((one) => new URL(one.trim()));
  const servers = urls.map(({ protocol, host }) => `${protocol}//${host}`);
  const user = decodeURIComponent(urls[0]?.username ?? '');
  const pass = decodeURIComponent(urls[0]?.password ?? '');
  if (!user) return { servers };
  return pass ? { servers, user, pass } : { servers, token: user };
}

async function logStatus(connection: NatsConnection, logger: Logger): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') logger.warn('disconnected');
    if (status.type === 'reconnect') logger.log('connected again');
  }
}
