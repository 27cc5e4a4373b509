import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { appendProbed } from '../appendProbed.js';
import type { Executor } from '../executor.js';
import {
  ModelProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../file/generated/onnx_pb.js';
import { decodeTensor, typeCodes } from '../file/tensors.js';
import { widened } from '../float16.js';
import { Graph } from '../graph.js';
import { parseModel } from '../parseModel.js';
import { probe } from '../probe.js';
import { folded } from '../template.js';
import { elementCount, floats, sameDims, type Tensor } from '../tensor.js';
import { filesOfTar } from './tar.js';

/** A backend node test of the ONNX project: a model of one operation, tensors to put in and those to get. */
export interface NodeTest {
  readonly name: string;
  readonly model: Uint8Array;
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

export function nodeTests(): NodeTest[] {
  const archive = resolve('libs/onnx-autodiff/testing/onnx-node-tests/cases.tar.br');
  const files = new Map(filesOfTar(brotliDecompressSync(readFileSync(archive))));
  const numbered = (prefix: string): Uint8Array[] => {
    const found: Uint8Array[] = [];
    for (let file = files.get(`${prefix}0.pb`); file; file = files.get(`${prefix}${found.length}.pb`)) found.push(file);
    return found;
  };
  return [...files.keys()]
    .filter((path) => path.endsWith('/model.onnx'))
    .map((path) => {
      const name = path.slice(0, -'/model.onnx'.length);
      const data = `${name}/test_data_set_0`;
      const model = files.get(path) ?? new Uint8Array();
      return { name, model, inputs: numbered(`${data}/input_`), outputs: numbered(`${data}/output_`) };
    });
}

/** The tolerances of the ONNX project's own runner. */
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

/**
 * Runs a test through the importer and an executor. `reference` finds the shapes, as it does for every model. Gives
 * what is wrong, undefined if nothing is; throws what the importer throws for models that it refuses.
 */
export async function nodeTestFailure(test: NodeTest, executor: Executor, reference: Executor) {
  const { file, x, value } = asClassifier(test);
  const model = parseModel(file);
  const probed = await probe(model.network, new Map([[x, value]]), reference);
  const { nodes, constants, rename } = folded(model.network, probed, new Set());
  const graph = new Graph(probed);
  graph.input(x, value.dims);
  for (const [name, { data, dims, type }] of constants) graph.constant(data, dims, type, name);
  appendProbed(graph, nodes, probed);
  const names = fromBinary(ModelProtoSchema, test.model).graph?.output.map(({ name }) => name ?? '') ?? [];
  const computed = new Set(nodes.flatMap(({ outputs }) => outputs));
  const wanted = new Set(names.map(rename).filter((name) => computed.has(name)));
  for (const name of wanted) graph.output(name);
  const compiled = wanted.size > 0 ? await executor.compile(graph) : undefined;
  const results = (await compiled?.run({ [x]: value })) ?? {};
  await compiled?.release();
  const found = (name: string): Tensor | undefined => results[rename(name)] ?? probed.get(name);
  return names
    .map((name, i) => {
      const expected = widened(decodeTensor(fromBinary(TensorProtoSchema, test.outputs[i] ?? new Uint8Array())));
      const what = difference(found(name), expected);
      return what === undefined ? undefined : `output ${name} ${what}`;
    })
    .find((what) => what !== undefined);
}

/** The same file with one input, as a classifier has: the first of float32; the others lie in it as constants. */
function asClassifier({ model, inputs }: NodeTest): { file: Uint8Array; x: string; value: Tensor } {
  const file = fromBinary(ModelProtoSchema, model);
  const { graph } = file;
  if (!graph) throw new Error('no graph');
  const protos = inputs.map((bytes) => fromBinary(TensorProtoSchema, bytes));
  const first = protos.findIndex(({ dataType, dims }) => dataType === typeCodes.float32 && dims.length > 0);
  protos.forEach((tensor, i) => {
    const name = graph.input[i]?.name;
    if (i !== first && name !== undefined) graph.initializer.push({ ...tensor, name });
  });
  const tensor = protos[first];
  const value = tensor ? decodeTensor(tensor) : floats(new Float32Array(1), [1]);
  const x = graph.input[first]?.name ?? 'unused';
  graph.input = [floatInput(x, value.dims)];
  return { file: toBinary(ModelProtoSchema, file), x, value };
}

function floatInput(name: string, dims: readonly number[]) {
  const shape = create(TensorShapeProtoSchema, {
    dim: dims.map((dim) => create(TensorShapeProto_DimensionSchema, { dimValue: BigInt(dim) })),
  });
  const tensorType = create(TypeProto_TensorSchema, { elemType: typeCodes.float32, shape });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { tensorType }) });
}

function difference(found: Tensor | undefined, expected: Tensor): string | undefined {
  if (!found) return 'is missing';
  if (found.type !== expected.type || !sameDims(found.dims, expected.dims))
    return `is ${found.type} [${found.dims.join()}], not ${expected.type} [${expected.dims.join()}]`;
  for (let i = 0; i < elementCount(expected.dims); i++) {
    const [a, b] = [Number(found.data[i]), Number(expected.data[i])];
    const close = Object.is(a, b) || a === b || Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b);
    if (!close) return `is ${a} at ${i}, not ${b}`;
  }
  return undefined;
}
