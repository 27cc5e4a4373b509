import { freemem, totalmem } from 'node:os';

const UNITS = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
/** An amount of memory as people write it: `512MiB`, `4GiB`, `1.5TiB`. */
export const MEMORY_PATTERN = '^[0-9]+(\\.[0-9]+)?(MiB|GiB|TiB)$';

/** Undefined for what is no amount. */
export function memoryBytes(text: string): number | undefined {
  if (!new RegExp(MEMORY_PATTERN).test(text)) return undefined;
  return Number(text.slice(0, -3)) * UNITS[text.slice(-3) as keyof typeof UNITS];
}

/** Of what is free: other programs need some as well, and a prediction is not exact. */
const SHARE = 0.8;

/**
 * Bytes that this process may still take: up to `limit` in all, where one is given; else a share of what is free on the machine and in
 * the container (cgroup). The memory of a GPU is not looked at.
 */
export function memoryLeft(limit?: number): number {
  const { rss } = process.memoryUsage();
  if (limit !== undefined) return limit - rss;
  const free = process.platform === 'linux' ? freemem() : totalmem() / 2; // elsewhere caches do not count as free
  const container = process.constrainedMemory();
  return SHARE * Math.min(free, container > 0 ? container - rss : Infinity);
}
