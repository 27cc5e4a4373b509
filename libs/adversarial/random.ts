/** A seeded stream of random numbers whose state can be kept and taken up again. */
export interface Random {
  /** Uniform in [0, 1). */
  readonly next: () => number;
  readonly state: () => RandomState;
}

export type RandomState = readonly [number, number, number, number];

/** sfc32 (Chris Doty-Humphrey's Small Fast Counting generator): 128 bits of state, passes PractRand. */
export function random(seed: number | RandomState): Random {
  let [a, b, c, counter] = typeof seed === 'number' ? [0, seed | 0, 0, 1] : seed;
  const next = (): number => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + out;
    c |= 0;
    return (out >>> 0) / 4294967296;
  };
  const warmUp = 12; // as the author does, until the seed has reached every bit
  if (typeof seed === 'number') for (let i = 0; i < warmUp; i++) next();
  return { next, state: () => [a, b, c, counter] };
}

/** Standard normal (Box and Muller). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** 0 .. n-1 in random order (Fisher and Yates). */
export function shuffled(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
