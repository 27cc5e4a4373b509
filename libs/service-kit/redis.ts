import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { messageOf } from './errors.js';

/**
 * Commands wait while Redis is away (a handler keeps its message meanwhile) and are never sent twice on their own: one that was
 * under way when the connection broke fails, and the redelivered message tries again.
 */
export function connectRedis(url: string): Redis {
  const logger = new Logger('redis');
  const redis = new Redis(url, { maxRetriesPerRequest: null, autoResendUnfulfilledCommands: false });
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
