import { MalformedModelError } from '../errors.js';
import type { GraphNode } from '../graph.js';

type Attributed = Pick<GraphNode, 'op' | 'attributes'>;

const wrong = (node: Attributed, name: string, expected: string): MalformedModelError =>
  new MalformedModelError(`attribute "${name}" of a ${node.op} node should be ${expected}`);

export function numberAttribute(node: Attributed, name: string, fallback: number): number {
  const value = node.attributes[name] ?? fallback;
  if (typeof value !== 'number') throw wrong(node, name, 'a number');
  return value;
}

export function stringAttribute(node: Attributed, name: string, fallback: string): string {
  const value = node.attributes[name] ?? fallback;
  if (typeof value !== 'string') throw wrong(node, name, 'a string');
  return value;
}

export function integersAttribute(node: Attributed, name: string, fallback: readonly number[]): readonly number[] {
  const value = node.attributes[name] ?? fallback;
  if (!Array.isArray(value)) throw wrong(node, name, 'a list of integers');
  return value.map((item: unknown) => {
    if (typeof item !== 'number') throw wrong(node, name, 'a list of integers');
    return item;
  });
}

/** An axis counted from the front. */
export function axisAttribute(node: Attributed, name: string, fallback: number, rank: number): number {
  const axis = numberAttribute(node, name, fallback);
  return axis < 0 ? axis + rank : axis;
}
