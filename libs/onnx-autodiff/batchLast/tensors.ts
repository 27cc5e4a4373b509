import type { Emitter } from '../emitter.js';
import { elementCount } from '../tensor.js';

/** A tensor whose last axis is the batch: [H, W, C, B], or [features, B]. */
export interface BatchLast {
  readonly name: string;
  /** Where features come from a flattened picture: [C, H, W]; they lie in the order H, W, C. */
  readonly picture?: readonly number[] | undefined;
}

/** Which tensors of the source exist in which layout so far; converts where the other one is asked for. */
export class LayoutTensors {
  private readonly batchLast = new Map<string, BatchLast>();
  private readonly batchFirst = new Map<string, string>();
  private readonly ofBatch = new Set<string>();
  /** Pictures that changed their layout in the middle of the network. */
  borders = 0;

  constructor(
    private readonly emit: Emitter,
    private readonly dimsOf: (name: string) => readonly number[],
    private readonly input: string,
    private readonly batch: number,
  ) {
    this.ofBatch.add(input);
  }

  dependsOnInput = (name: string): boolean => this.ofBatch.has(name);
  isBatchLast = (name: string): boolean => this.batchLast.has(name);
  convertible = (name: string): boolean =>
    this.ofBatch.has(name) && this.dimsOf(name)[0] === this.batch && [2, 4].includes(this.dimsOf(name).length);

  addBatchLast(name: string, tensor: BatchLast): void {
    this.ofBatch.add(name);
    this.batchLast.set(name, tensor);
  }
  addBatchFirst(name: string): void {
    this.ofBatch.add(name);
    this.batchFirst.set(name, name);
  }

  last(name: string): BatchLast {
    const known = this.batchLast.get(name);
    if (known) return known;
    const picture = this.dimsOf(name).length === 4;
    if (picture && name !== this.input) this.borders++;
    const converted = { name: this.emit.transpose(name, picture ? [2, 3, 1, 0] : [1, 0]) };
    this.batchLast.set(name, converted);
    return converted;
  }

  first(name: string): string {
    const last = this.batchLast.get(name);
    const known = this.batchFirst.get(name);
    if (!last || known !== undefined || name === this.input) return known ?? name;
    const dims = this.dimsOf(name);
    if (dims.length === 4) this.borders++;
    const converted = dims.length === 4 ? this.emit.transpose(last.name, [3, 2, 0, 1]) : this.matrix(last, dims);
    this.batchFirst.set(name, converted);
    return converted;
  }

  private matrix({ name, picture }: BatchLast, dims: readonly number[]): string {
    if (!picture) return this.emit.transpose(name, [1, 0]);
    const [channels = 1, height = 1, width = 1] = picture;
    const spread = this.emit.reshape(name, [height, width, channels, this.batch]);
    return this.emit.reshape(this.emit.transpose(spread, [3, 2, 0, 1]), [this.batch, elementCount(dims.slice(1))]);
  }
}
