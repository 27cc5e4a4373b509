import { ask } from './ask.js';
import { serverBinary } from './binary.js';
import { startServer, type ThrowAwayServer } from './throw-away-server.js';

/** A real nats-server with JetStream on file storage. `storeDir` keeps the streams after `stop`. */
export const startNats = (options: { port?: number; storeDir?: string } = {}): Promise<ThrowAwayServer> =>
  startServer(
    {
      binary: serverBinary('nats-server', 'NATS_SERVER'),
      install:
        'Install it (`apt-get install nats-server` or `brew install nats-server`), or set NATS_SERVER to its path.',
      scheme: 'nats',
      args: (port, dir, log) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', dir, '-l', log],
      probe: (port) => ask(port, 'INFO '), // spoken to every client once JetStream has recovered its streams
    },
    { port: options.port, dir: options.storeDir },
  );
