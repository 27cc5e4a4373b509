import { type Document, type DocumentNode, encodeDocument } from './file/document.js';
import type { Attributes } from './file/attributes.js';
import { normalStream } from './random.js';
import { elementCount, type Tensor } from './tensor.js';

export interface WindowOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: number;
}

export interface ModelBuilderOptions {
  /** Of one row, without the batch: [channels, height, width] or [features]. */
  readonly input: readonly number[];
  /** Of the initial weights. */
  readonly seed: number;
  readonly opset?: number;
  /** The batch size that the file is fixed to; any without it. */
  readonly batch?: number;
}

/** Writes ordinary ONNX classifier files, layer after layer: weights by He's initialisation, input "input", output "logits". */
export class ModelBuilder {
  private readonly nodes: DocumentNode[] = [];
  private readonly constants = new Map<string, Tensor>();
  private readonly normal: () => number;
  private current = 'input';
  /** Of one row, after the layers so far. */
  private dims: readonly number[];

  constructor(private readonly options: ModelBuilderOptions) {
    this.normal = normalStream(options.seed);
    this.dims = options.input;
  }

  convolution(channels: number, { kernel, stride = 1, pad = 0 }: WindowOptions, groups = 1): this {
    const name = this.layerName('conv');
    const perGroup = this.channels / groups;
    const weight = this.weights(`${name}.weight`, [channels, perGroup, kernel, kernel], perGroup * kernel ** 2);
    const bias = this.filled(`${name}.bias`, [channels], 0);
    const window = windowAttributes({ kernel, stride, pad });
    const dims = [channels, ...this.slide({ kernel, stride, pad })];
    return this.layer('Conv', [weight, bias], { ...window, dilations: [1, 1], group: groups }, dims);
  }

  dense(outputs: number): this {
    const name = this.layerName('fc');
    const [inputs] = this.dims;
    if (inputs === undefined || this.dims.length !== 1)
      throw new Error('a dense layer needs flat input: call flatten() first');
    const weight = this.weights(`${name}.weight`, [outputs, inputs], inputs);
    return this.layer('Gemm', [weight, this.filled(`${name}.bias`, [outputs], 0)], { transB: 1 }, [outputs]);
  }

  batchNormalization(): this {
    const name = this.layerName('bn');
    const parameter = (suffix: string, value: number) => this.filled(`${name}.${suffix}`, [this.channels], value);
    const inputs = [
      parameter('weight', 1),
      parameter('bias', 0),
      parameter('running_mean', 0),
      parameter('running_var', 1),
    ];
    return this.layer('BatchNormalization', inputs, { epsilon: 1e-5, momentum: 0.9 });
  }

  relu(): this {
    return this.layer('Relu');
  }

  maxPool(window: WindowOptions): this {
    return this.layer('MaxPool', [], windowAttributes(window), [this.channels, ...this.slide(window)]);
  }

  averagePool(window: WindowOptions): this {
    return this.layer('AveragePool', [], windowAttributes(window), [this.channels, ...this.slide(window)]);
  }

  globalAveragePool(): this {
    return this.layer('GlobalAveragePool', [], {}, [this.channels, ...this.dims.slice(1).map(() => 1)]);
  }

  flatten(): this {
    return this.layer('Flatten', [], { axis: 1 }, [elementCount(this.dims)]);
  }

  softmax(): this {
    return this.layer('Softmax', [], { axis: 1 });
  }

  /** Adds the input of `block` to its output; a 1x1 convolution fits the shapes where they differ. */
  residual(block: (net: this) => void): this {
    const [start, startDims] = [this.current, this.dims];
    block(this);
    const [end, endDims] = [this.current, this.dims];
    [this.current, this.dims] = [start, startDims];
    if (startDims.join() !== endDims.join())
      this.convolution(endDims[0] ?? 0, { kernel: 1, stride: Math.ceil((startDims[1] ?? 0) / (endDims[1] ?? 1)) });
    return this.layer('Add', [end], {}, endDims);
  }

  /** Any other operation of one input and one output; `dims` is one row of the result where its shape changes. */
  layer(op: string, others: readonly string[] = [], attributes: Attributes = {}, dims = this.dims): this {
    const output = this.layerName(op.toLowerCase());
    this.nodes.push({ op, inputs: [this.current, ...others], outputs: [output], attributes });
    this.current = output;
    this.dims = dims;
    return this;
  }

  /** A named tensor for `layer`. */
  constant(name: string, tensor: Tensor): string {
    this.constants.set(name, tensor);
    return name;
  }

  build(): Uint8Array {
    const { opset = 17, input, batch = 'N' } = this.options;
    const nodes = this.nodes.map((node) => ({
      ...node,
      outputs: node.outputs.map((name) => (name === this.current ? 'logits' : name)),
      inputs: node.inputs,
    }));
    const document: Document = {
      opset,
      inputs: [{ name: 'input', type: 'float32', dims: [batch, ...input] }],
      outputs: [{ name: 'logits', type: 'float32', dims: [batch, ...this.dims] }],
      nodes,
      constants: this.constants,
    };
    return encodeDocument(document);
  }

  private get channels(): number {
    return this.dims[0] ?? 0;
  }

  private layerName = (kind: string): string => `${kind}${this.nodes.length + 1}`;

  private slide({ kernel, stride = 1, pad = 0 }: WindowOptions): number[] {
    return this.dims.slice(1).map((size) => Math.floor((size + 2 * pad - kernel) / stride) + 1);
  }

  /** He et al. 2015: variance 2 / fan-in keeps the scale of activations through ReLU layers. */
  private weights(name: string, dims: number[], fanIn: number): string {
    const deviation = Math.sqrt(2 / fanIn);
    const data = Float32Array.from({ length: elementCount(dims) }, () => this.normal() * deviation);
    return this.constant(name, { type: 'float32', dims, data });
  }

  private filled(name: string, dims: number[], value: number): string {
    return this.constant(name, { type: 'float32', dims, data: new Float32Array(elementCount(dims)).fill(value) });
  }
}

const windowAttributes = ({ kernel, stride = 1, pad = 0 }: WindowOptions): Attributes => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [pad, pad, pad, pad],
});

/** The stride-2 network for 28 x 28 digits that the demo serves. */
export const mnistCnn = (seed: number): Uint8Array =>
  new ModelBuilder({ input: [1, 28, 28], seed })
    .convolution(16, { kernel: 4, stride: 2, pad: 1 })
    .relu()
    .convolution(32, { kernel: 4, stride: 2, pad: 1 })
    .relu()
    .flatten()
    .dense(100)
    .relu()
    .dense(10)
    .build();
