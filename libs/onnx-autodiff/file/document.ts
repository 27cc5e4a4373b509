import { create, toBinary } from '@bufbuild/protobuf';
import type { ElementType, Tensor } from '../tensor.js';
import { type Attributes, encodeAttribute } from './attributes.js';
import { ModelProtoSchema, NodeProtoSchema, type ValueInfoProto, ValueInfoProtoSchema } from './generated/onnx_pb.js';
import { encodeTensor, typeCodes } from './tensors.js';

export interface DocumentValue {
  readonly name: string;
  readonly type?: ElementType;
  /** A string is the name of a dimension that is not fixed. */
  readonly dims?: readonly (number | string)[];
}

export interface DocumentNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** What this library writes into an ONNX file. */
export interface Document {
  readonly opset: number;
  readonly inputs: readonly DocumentValue[];
  readonly outputs: readonly DocumentValue[];
  readonly nodes: readonly DocumentNode[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** IR version 8 goes with opset 17 and is read by every runtime since 2022. */
const IR_VERSION = 8n;

export function encodeDocument(document: Document): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'antibody',
    opsetImport: [{ domain: '', version: BigInt(document.opset) }],
    graph: {
      name: 'graph',
      node: document.nodes.map((node) =>
        create(NodeProtoSchema, {
          name: node.outputs[0] ?? '',
          opType: node.op,
          input: [...node.inputs],
          output: [...node.outputs],
          attribute: Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value)),
        }),
      ),
      initializer: [...document.constants].map(([name, tensor]) => encodeTensor(name, tensor)),
      input: document.inputs.map(encodeValue),
      output: document.outputs.map(encodeValue),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

function encodeValue({ name, type, dims }: DocumentValue): ValueInfoProto {
  if (!type) return create(ValueInfoProtoSchema, { name });
  const dim = dims?.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: BigInt(size) }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { tensorType: { elemType: typeCodes[type], ...(dim && { shape: { dim } }) } },
  });
}
