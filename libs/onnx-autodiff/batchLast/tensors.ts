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

  add(name: string, tensor: BatchLast | 'without batch'): void {
    if (tensor === 'without batch') return this.addBatchFirst(name);
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
    const converted = { name: picture ? pictureLast(this.emit, name) : this.emit.transpose(name, [1, 0]) };
    this.batchLast.set(name, converted);
    return converted;
  }

  first(name: string): string {
    const last = this.batchLast.get(name);
    const known = this.batchFirst.get(name);
    if (!last || known !== undefined || name === this.input) return known ?? name;
    const dims = this.dimsOf(name);
    if (dims.length === 4) this.borders++;
    const converted = dims.length === 4 ? pictureFirst(this.emit, last.name) : this.matrix(last, dims);
    this.batchFirst.set(name, converted);
    return converted;
  }

  private matrix({ name, picture }: BatchLast, dims: readonly number[]): string {
    if (!picture) return this.emit.transpose(name, [1, 0]);
    const [channels = 1, height = 1, width = 1] = picture;
    const spread = this.emit.reshape(name, [height, width, channels, this.batch]);
    return this.emit.reshape(pictureFirst(this.emit, spread), [this.batch, elementCount(dims.slice(1))]);
  }
}

/** [B, C, H, W] to [H, W, C, B]: one transposition of a matrix and one of whole rows, each with a fast kernel. */
function pictureLast(emit: Emitter, x: string): string {
  const [batch = 1, channels = 1, height = 1, width = 1] = emit.dims(x);
  const rows = emit.transpose(emit.reshape(x, [batch, channels * height * width]), [1, 0]);
  const swapped = swapRows(emit, rows, channels, height * width, batch);
  return emit.reshape(swapped, [height, width, channels, batch]);
}

/** [H, W, C, B] to [B, C, H, W]. */
function pictureFirst(emit: Emitter, x: string): string {
  const [height = 1, width = 1, channels = 1, batch = 1] = emit.dims(x);
  const swapped = swapRows(emit, x, height * width, channels, batch);
  const rows = emit.transpose(emit.reshape(swapped, [channels * height * width, batch]), [1, 0]);
  return emit.reshape(rows, [batch, channels, height, width]);
}

const swapRows = (emit: Emitter, x: string, outer: number, inner: number, batch: number): string =>
  outer === 1 || inner === 1 ? x : emit.transpose(emit.reshape(x, [outer, inner, batch]), [1, 0, 2]);
