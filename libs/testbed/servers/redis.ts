import { ask } from './ask.js';
import { serverBinary } from './binary.js';
import { startServer, type ThrowAwayServer } from './throw-away-server.js';

/** A real redis-server that writes every change to disk before it answers. `dir` keeps the data after `stop`. */
export const startRedis = (options: { port?: number; dir?: string } = {}): Promise<ThrowAwayServer> =>
  startServer(
    {
      binary: serverBinary('redis-server', 'REDIS_SERVER'),
      install: 'Install it (`apt-get install redis-server` or `brew install redis`), or set REDIS_SERVER to its path.',
      scheme: 'redis',
      args: (port, dir, log) => [
        '--bind',
        '127.0.0.1',
        '--port',
        String(port),
        '--dir',
        dir,
        '--logfile',
        log,
        '--save',
        '',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      ],
      probe: (port) => ask(port, '+PONG', 'PING\r\n'), // "-LOADING" while it reads its log
    },
    { port: options.port, dir: options.dir },
  );
