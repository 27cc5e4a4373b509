import { describe, expect, it } from '@jest/globals';
import { contextFrom, withContext } from './context.js';
import { createLogger, NestLogger } from './logger.js';

function capture(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, logger: new NestLogger(createLogger({ service: 'trainer', level, destination })) };
}

describe('logs', () => {
  it('are JSON lines that name the service, the context and the work', () => {
    const { lines, logger } = capture();
    const work = contextFrom((name) => (name === 'x-correlation-id' ? 'order-7' : undefined));
    withContext(work, () => logger.log('job begins', 'Trainer'));
    logger.debug('not shown', 'Trainer');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      service: 'trainer',
      context: 'Trainer',
      msg: 'job begins',
      correlationId: 'order-7',
      traceId: work.traceId,
    });
  });

  it('keep the stack of an error', () => {
    const { lines, logger } = capture();
    logger.error(new Error('disk full'), 'Trainer');
    logger.error('failed', 'Error: disk full\n  at x', 'Trainer');
    expect(lines[0]).toMatchObject({ level: 'error', msg: 'disk full', err: { type: 'Error' } });
    expect(lines[1]).toMatchObject({ msg: 'failed', stack: 'Error: disk full\n  at x', context: 'Trainer' });
  });
});
