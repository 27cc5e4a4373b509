/** Where a message stands in its stream. */
export interface Position {
  sequence: number;
  /** When the stream took it, RFC 3339 in UTC with milliseconds. */
  time: string;
}

/** Before the first message of any stream. */
export const START: Position = { sequence: 0, time: '' };

/** Has this message still to take effect? One that comes again has a time that is known; in a stream that was made anew all are later. */
export const isNews = (last: Position, at: Position): boolean => at.sequence > last.sequence || at.time > last.time;

/** The time never goes back, even if the server's clock does. */
export const advanced = (last: Position, at: Position): Position => ({
  sequence: at.sequence,
  time: at.time > last.time ? at.time : last.time,
});
