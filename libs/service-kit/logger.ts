import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentContext } from './context.js';

export interface LoggerOptions {
  service: string;
  level: string;
  destination?: DestinationStream;
}

/** JSON lines with the correlation id and trace of the current work; short plain lines on a terminal. */
export function createLogger({ service, level, destination }: LoggerOptions): PinoLogger {
  const out = destination ?? (process.stdout.isTTY ? terminal : pino.destination({ dest: 1, sync: true }));
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin() {
        const work = currentContext();
        return work ? { correlationId: work.correlationId, traceId: work.traceId, spanId: work.spanId } : {};
      },
    },
    out,
  );
}

interface Line {
  time: string;
  level: string;
  service: string;
  context?: string;
  msg?: string;
  err?: { stack?: string };
}

const terminal: DestinationStream = {
  write(json) {
    const { time, level, service, context, msg, err } = JSON.parse(json) as Line;
    const detail = err?.stack ? `\n${err.stack}` : '';
    process.stdout.write(
      `${time.slice(11, 23)} ${level.padEnd(5)} ${service} ${context ? `[${context}] ` : ''}${msg ?? ''}${detail}\n`,
    );
  },
};

/** Nest's logger over pino. Nest passes the context as the last argument and, for errors, a stack before it. */
export class NestLogger implements LoggerService {
  constructor(private readonly pino: PinoLogger) {}

  log = (message: unknown, ...rest: unknown[]): void => this.write('info', message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.write('warn', message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.write('error', message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.write('fatal', message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]): void => this.write('trace', message, rest);

  private write(
    level: 'info' | 'warn' | 'error' | 'fatal' | 'debug' | 'trace',
    message: unknown,
    rest: unknown[],
  ): void {
    const last = rest.at(-1);
    const context = typeof last === 'string' ? last : undefined;
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    if (message instanceof Error) this.pino[level]({ context, err: message }, message.message);
    else if (typeof message === 'object' && message !== null) this.pino[level]({ context, ...message });
    else this.pino[level]({ context, ...(stack && { stack }) }, String(message));
  }
}
