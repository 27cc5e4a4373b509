import type { Detection } from '#contracts';

/** Every id that the two halves of a request share. All of them may come from the client: they repeat, collide and lie. */
export interface OfferedIds {
  ceId: string;
  v2Id?: string;
  /** Logged request headers, names in lower case. */
  metadata: ReadonlyMap<string, readonly string[]>;
}

/** The id that labels will come under. A half that lacks it is still examined, under the logger's id. */
export function requestId(source: Detection['requestId'], { ceId, v2Id, metadata }: OfferedIds): string {
  if (source === 'v2-id') return v2Id || ceId;
  if (source.startsWith('header:')) return metadata.get(source.slice('header:'.length).toLowerCase())?.[0] || ceId;
  return ceId;
}
