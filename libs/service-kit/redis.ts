import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { messageOf } from './errors.js';

/**
 * Commands wait while Redis is away (a handler keeps its message meanwhile). One that was under way when the connection broke is
 * sent again and may take effect twice: keep writes idempotent, or commit them through the outbox.
 */
export function connectRedis(url: string): Redis {
  const logger = new Logger('redis');
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  let down = false;
  redis.on('error', (error: unknown) => {
    if (!down) logger.warn(messageOf(error) || 'connection failed');
    down = true;
  });
  redis.on('ready', () => {
    if (down) logger.log('connected again');
    down = false;
  });
  return redis;
}
