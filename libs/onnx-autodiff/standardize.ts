import type { OnnxModel } from './model.js';
import { floats } from './tensor.js';

/** What an input is standardised with before a model sees it: (x - mean) / deviation, for each channel or for all values alike. */
export interface Standardization {
  readonly mean: readonly number[];
  /** Above 0, as many as means. */
  readonly deviation: readonly number[];
  /** Of one row: which axis the numbers belong to; without it they must be one number, or one for each value of a flat row. */
  readonly axis: number;
}

/**
 * The same model, taking rows as they are before they are standardised, so that radii and ranges are those of the data. Its file stays as it
 * is: `patchWeights` writes a model that takes standardised rows, like the original.
 */
export function takingRawRows(model: OnnxModel, { mean, deviation, axis }: Standardization): OnnxModel {
  const { input, network } = model;
  const rank = input.dims.length;
  const dims = Array<number>(rank).fill(1);
  dims[axis + 1] = mean.length;
  const names = { mean: '@mean', deviation: '@deviation', centred: '@centred', standard: '@standard' };
  const renamed = (name: string) => (name === input.name ? names.standard : name);
  const nodes = [
    { op: 'Sub', inputs: [input.name, names.mean], outputs: [names.centred], attributes: {} },
    { op: 'Div', inputs: [names.centred, names.deviation], outputs: [names.standard], attributes: {} },
    ...network.nodes.map((node) => ({ ...node, inputs: node.inputs.map(renamed) })),
  ];
  const constants = new Map(network.constants)
    .set(names.mean, floats(Float32Array.from(mean), dims))
    .set(names.deviation, floats(Float32Array.from(deviation), dims));
  return { ...model, network: { nodes, constants } };
}
