import { expect, it } from '@jest/globals';
import { advanced, isNews, START, type Position } from './position.js';

const at = (sequence: number, second: number): Position => ({
  sequence,
  time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`,
});
/** Which of these take effect. */
function taken(...messages: Position[]): Position[] {
  let last = START;
  return messages.filter((message) => {
    const news = isNews(last, message);
    if (news) last = advanced(last, message);
    return news;
  });
}

it('takes each message once, also when the first one comes again', () => {
  const stream = [at(1, 1), at(2, 1), at(3, 5)];
  expect(taken(...stream, ...stream, at(4, 6))).toEqual([...stream, at(4, 6)]);
});

it('takes all messages of a stream that was made anew', () => {
  const [old, anew] = [
    [at(1, 1), at(2, 2), at(3, 3)],
    [at(1, 10), at(2, 11), at(3, 11), at(4, 12)],
  ];
  expect(taken(...old, ...anew, ...anew)).toEqual([...old, ...anew]);
});

it('takes no message twice when the clock of the server went back', () => {
  const stream = [at(1, 30), at(2, 10), at(3, 11)];
  expect(taken(...stream, ...stream)).toEqual(stream);
});
