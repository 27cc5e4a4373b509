import { MalformedModelError, UnsupportedModelError } from './errors.js';
import { type AttributeValue, decodeAttribute } from './file/attributes.js';
import { decodeModel } from './file/decodeModel.js';
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from './file/generated/onnx_pb.js';
import { decodeDims, decodeTensor, elementTypeOf, typeCodes } from './file/tensors.js';
import { widened } from './float16.js';
import type { GraphNode } from './graph.js';
import type { ModelInput, ModelParameter, ModelValue, OnnxModel } from './model.js';
import { normalizeNodes } from './normalizeNodes.js';
import { operationOf } from './ops/registry.js';
import type { Tensor } from './tensor.js';

const OLDEST_OPSET = 7;
const NEWEST_OPSET = 24;

/** Reads an ONNX file, which may be anything: throws MalformedModelError or UnsupportedModelError and nothing else. */
export function parseModel(file: Uint8Array): OnnxModel {
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength); // slice() of a Buffer would not copy
  const model = decodeModel(bytes);
  const opset = opsetOf(model);
  const { graph } = model;
  if (!graph) throw new MalformedModelError('it has no graph');
  const constants = initializersOf(graph);
  const source = graph.node.map((node) => sourceNode(node, opset));
  const operations = countOperations(source);
  const nodes = normalizeNodes(source, opset, constants);
  const input = soleInput(graph, constants);
  checkOrder(nodes, new Set([input.name, ...constants.keys()]));
  const output = firstOutput(graph, new Set(nodes.flatMap((node) => node.outputs)));
  return { bytes, opset, input, output, operations, ...trainable(nodes, constants), network: { nodes, constants } };
}

function opsetOf(model: ModelProto): number {
  const version = model.opsetImport.find(({ domain }) => (domain ?? '') === '' || domain === 'ai.onnx')?.version;
  if (version === undefined) throw new MalformedModelError('it does not say which opset it uses');
  const opset = Number(version);
  if (opset < OLDEST_OPSET || opset > NEWEST_OPSET)
    throw new UnsupportedModelError(
      `opset ${opset} is not supported: export with one from ${OLDEST_OPSET} to ${NEWEST_OPSET}`,
      { opset },
    );
  return opset;
}

function initializersOf(graph: GraphProto): Map<string, Tensor> {
  const constants = new Map<string, Tensor>();
  for (const initializer of graph.initializer) {
    const name = initializer.name ?? '';
    if (name === '' || constants.has(name)) throw new MalformedModelError(`two initializers are named "${name}"`);
    constants.set(name, widened(decodeTensor(initializer)));
  }
  return constants;
}

function sourceNode(proto: NodeProto, opset: number): GraphNode {
  const op = proto.opType ?? '';
  const node = (proto.name ?? '') === '' ? (proto.output[0] ?? '') : (proto.name ?? '');
  const standard = ['', 'ai.onnx'].includes(proto.domain ?? '');
  if (!standard || !operationOf(op)) {
    const where = standard ? `in opset ${opset}` : `of the domain "${proto.domain ?? ''}"`;
    throw new UnsupportedModelError(
      `operation ${op} (node "${node}", ${where}) is not supported; ${adviceFor(op, standard)}`,
      { op, node, opset },
    );
  }
  const attributes = Object.fromEntries(
    proto.attribute.map((attribute) => [attribute.name ?? '', inFloat32(op, attribute)]),
  );
  return { op, name: node, inputs: proto.input, outputs: proto.output, attributes };
}

/** What a file computes with float16 is computed with float32: gradients would underflow. Only weights stay what they are. */
function inFloat32(op: string, attribute: AttributeProto): AttributeValue {
  const value = decodeAttribute(attribute);
  if (op === 'Cast' && attribute.name === 'to' && value === typeCodes.float16) return typeCodes.float32;
  return typeof value === 'object' && 'dims' in value ? widened(value) : value;
}

function adviceFor(op: string, standard: boolean): string {
  if (/Quantize|QLinear|Integer$/.test(op)) return 'harden the float32 model and quantise the result';
  if (['If', 'Loop', 'Scan'].includes(op))
    return 'export without control flow (trace the model instead of scripting it)';
  if (!standard) return 'export with standard ONNX operations only';
  return 'replace it in the model by supported operations and export again';
}

function countOperations(nodes: readonly GraphNode[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of nodes) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

function soleInput(graph: GraphProto, constants: ReadonlyMap<string, Tensor>): ModelInput {
  const inputs = graph.input.filter(({ name }) => !constants.has(name ?? ''));
  const [input] = inputs;
  if (!input || inputs.length > 1) {
    const names = inputs.map(({ name }) => name ?? '').join(', ');
    throw new UnsupportedModelError(`a classifier should have one input, this one has ${inputs.length} (${names})`);
  }
  const value = modelValue(input);
  const type = elementTypeOf(input.type?.tensorType?.elemType);
  if (type !== 'float32' && type !== 'float16')
    throw new UnsupportedModelError(`the input "${value.name}" should be float32 or float16`);
  if (value.dims.length === 0)
    throw new UnsupportedModelError(`the input "${value.name}" has no shape; export with one`);
  return { ...value, type };
}

/** Outputs after the first carry labels or features. */
function firstOutput(graph: GraphProto, produced: ReadonlySet<string>): ModelValue {
  const [output] = graph.output;
  if (!output) throw new MalformedModelError('it has no output');
  const value = modelValue(output);
  if (!produced.has(value.name)) throw new MalformedModelError(`no node computes the output "${value.name}"`);
  return value;
}

function modelValue(value: ValueInfoProto): ModelValue {
  const name = value.name ?? '';
  const dims = (value.type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) =>
    dimValue === undefined || dimValue <= 0n ? null : dimValue,
  );
  decodeDims(
    dims.filter((dim) => dim !== null),
    `"${name}"`,
  );
  return { name, dims: dims.map((dim) => (dim === null ? null : Number(dim))) };
}

/** ONNX wants nodes in order of execution; what comes too late is a cycle or missing. */
function checkOrder(nodes: readonly GraphNode[], known: Set<string>): void {
  for (const { op, name, inputs, outputs } of nodes) {
    for (const input of inputs)
      if (input !== '' && !known.has(input))
        throw new MalformedModelError(`${op} node "${name ?? ''}" uses "${input}", which nothing before it computes`);
    for (const output of outputs) {
      if (output !== '' && known.has(output)) throw new MalformedModelError(`"${output}" is computed twice`);
      known.add(output);
    }
  }
}

/** Float tensors of more than one number that are used as something to train, in the order of use. */
function trainable(nodes: readonly GraphNode[], constants: ReadonlyMap<string, Tensor>) {
  const parameters = new Map<string, ModelParameter>();
  const statistics = new Map<string, ModelParameter>();
  for (const node of nodes) {
    const operation = operationOf(node.op);
    if (!operation || 'rewrite' in operation) continue;
    if ('gradient' in operation && typeof operation.gradient === 'string') continue;
    const statisticsAt = 'statistics' in operation ? operation.statistics : undefined;
    node.inputs.forEach((name, position) => {
      const tensor = constants.get(name);
      if (!(tensor?.data instanceof Float32Array) || operation.settings?.includes(position)) return;
      const parameter = { name, dims: tensor.dims, data: tensor.data };
      if (statisticsAt?.includes(position)) statistics.set(name, parameter);
      else if (tensor.data.length > 1) parameters.set(name, parameter);
    });
  }
  return { parameters: [...parameters.values()], statistics: [...statistics.values()] };
}
