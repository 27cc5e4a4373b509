import { createHash } from 'node:crypto';

/** Hex digest, the identity of models and datasets in events and certificates. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
