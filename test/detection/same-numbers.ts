/** A second run on the same machine gives the same numbers; elsewhere sums may come in another order. */
const TOLERANCE = 1e-6;

/** Every number of a JSON document, in its order, and the document with the numbers left out. */
function numbersOf(document: unknown): { numbers: number[]; rest: string } {
  const numbers: number[] = [];
  const rest = JSON.stringify(document, (_key, value: unknown) => {
    if (typeof value !== 'number') return value;
    numbers.push(value);
    return 0;
  });
  return { numbers, rest };
}

/** Whether two JSON documents are alike but for rounding. */
export function sameNumbers(made: unknown, expected: unknown): boolean {
  const [a, b] = [numbersOf(made), numbersOf(expected)];
  const near = (value: number, i: number) =>
    Math.abs(value - b.numbers[i]!) <= TOLERANCE * Math.max(1, Math.abs(b.numbers[i]!));
  return a.rest === b.rest && a.numbers.every(near);
}
