/** How one handler takes messages from a stream. */
export interface HandlerOptions<T = unknown> {
  stream: string;
  /** Name of the durable consumer. Processes that use the same name share the work. */
  durable: string;
  /** Turns the JSON into what the handler takes. An error here is final: the message goes to the dead letters. */
  parse?: (json: unknown) => T;
  /** Hands the handler an array of up to this many messages: one effect for all, then all are acknowledged. */
  batch?: number;
  /**
   * Handlers that share this key are polled in rotation, and one message at a time is taken over all of them: whatever waits
   * stays in the stream for another process.
   */
  exclusive?: string;
  /** Parallel pull loops in this process, each handling one message (or batch) at a time. */
  concurrency?: number;
  /** A message is delivered again when nothing was heard of it for so long. Heartbeats are sent while a handler works. */
  ackWaitMs?: number;
  maxDeliver?: number;
  /** Pause before the second, third, ... delivery. The last one repeats. */
  backoffMs?: number[];
  /** Wait for the server to confirm the acknowledgement (for jobs that are dear to repeat). */
  confirmAck?: boolean;
}

/** Every process gets the last message of each subject first (with `history` all that the stream still has), then all new ones. */
export interface LatestOptions<T = unknown> {
  stream: string;
  history?: boolean;
  parse?: (json: unknown) => T;
}

export type ResolvedOptions = Required<Omit<HandlerOptions, 'exclusive'>> & { subject: string; exclusive?: string };

/** What a decorator leaves on the handler for the transport to find. */
export type HandlerExtras = ({ kind: 'durable' } & HandlerOptions) | ({ kind: 'latest' } & LatestOptions);

export const resolveOptions = (subject: string, options: HandlerOptions): ResolvedOptions => ({
  subject,
  parse: (json) => json,
  batch: 1,
  concurrency: 1,
  ackWaitMs: 30_000,
  maxDeliver: 5,
  backoffMs: [1_000, 5_000, 30_000],
  confirmAck: false,
  ...options,
});
