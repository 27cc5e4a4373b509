import { connect } from 'node:net';

/** Connects, says `request` (if any) and resolves when the answer starts with `expected`. */
export const ask = (port: number, expected: string, request?: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (error?: Error) => {
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.setTimeout(1_000, () => end(new Error('no answer within a second')));
    socket.once('error', end);
    socket.once('close', () => end(new Error('connection closed')));
    socket.once('connect', () => request && socket.write(request));
    socket.once('data', (data) => {
      const answer = data.toString('latin1');
      end(answer.startsWith(expected) ? undefined : new Error(`answered "${answer.slice(0, 80).trim()}"`));
    });
  });
