/** Collects what an endless iterator has ready: waits for the first item, then takes more until `max` or until none comes for `lingerMs`. */
export function batches<T>(source: AsyncIterable<T>, lingerMs: number): { take: (max: number) => Promise<T[]> } {
  const iterator = source[Symbol.asyncIterator]();
  let asked: Promise<IteratorResult<T>> | undefined;
  const ask = () => {
    asked ??= iterator.next();
    asked.catch(() => undefined); // reported by the `take` that awaits it, which may come later
    return asked;
  };
  return {
    /** Empty when the iterator has ended. */
    take: async (max) => {
      const first = await ask();
      asked = undefined;
      if (first.done) return [];
      const items = [first.value];
      while (items.length < max) {
        let timer: NodeJS.Timeout | undefined;
        const pause = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, lingerMs, undefined)));
        const next = await Promise.race([ask(), pause]).finally(() => clearTimeout(timer));
        if (!next || next.done) break; // still asked for (or ended): the next take sees it
        asked = undefined;
        items.push(next.value);
      }
      return items;
    },
  };
}
