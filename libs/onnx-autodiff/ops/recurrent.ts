import type { Emitter } from '../emitter.js';
import type { GraphNode, ValueType } from '../graph.js';
import { asNumbers } from '../tensor.js';
import { numberAttribute, stringAttribute } from './attributes.js';
import { notExpandable, type Operation } from './definition.js';

/** Each step becomes nodes of its own: long sequences make graphs that take longer to prepare than to run. */
const MAX_STEPS = 1024;

/** What one direction of one layer works with; all matrices are of the file's shapes, [gates * hidden, ...]. */
interface Layer {
  readonly emit: Emitter;
  readonly node: GraphNode;
  readonly hidden: number;
  /** x W' of all steps, with the biases of the input, [steps, rows, gates * hidden]. */
  readonly projected: string;
  readonly recurrence: string;
  /** Biases of the recurrence, and LSTM's weights of the cell in its gates; undefined where the file has none. */
  readonly recurrenceBias: string | undefined;
  readonly peepholes: string | undefined;
}

interface State {
  readonly h: string;
  readonly c: string;
}

type Cell = (layer: Layer, projected: string, state: State) => State;

const columns = (emit: Emitter, x: string, index: number, width: number): string =>
  emit.slice(x, [emit.dims(x).length - 1], [index * width], [(index + 1) * width]);

const plus = (emit: Emitter, x: string, bias: string | undefined): string =>
  bias === undefined ? x : emit.add(x, bias);

const rnnCell: Cell = ({ emit, recurrence, recurrenceBias }, projected, { h, c }) => {
  const recurrent = plus(emit, emit.gemm(h, recurrence, { transB: true }), recurrenceBias);
  return { h: emit.unary('Tanh', emit.add(projected, recurrent)), c };
};

/** Gates in the order input, output, forget, cell. */
const lstmCell: Cell = ({ emit, hidden, recurrence, recurrenceBias, peepholes }, projected, { h, c }) => {
  const gates = emit.add(projected, plus(emit, emit.gemm(h, recurrence, { transB: true }), recurrenceBias));
  const gate = (index: number, peephole: number, cell: string) => {
    const part = columns(emit, gates, index, hidden);
    const seen =
      peepholes === undefined ? part : emit.add(part, emit.mul(columns(emit, peepholes, peephole, hidden), cell));
    return emit.unary('Sigmoid', seen);
  };
  const candidate = emit.unary('Tanh', columns(emit, gates, 3, hidden));
  const next = emit.add(emit.mul(gate(2, 2, c), c), emit.mul(gate(0, 0, c), candidate));
  return { h: emit.mul(gate(1, 1, next), emit.unary('Tanh', next)), c: next };
};

/** Gates in the order update, reset, hidden. */
const gruCell: Cell = ({ emit, node, hidden, recurrence, recurrenceBias }, projected, { h, c }) => {
  const rows = (from: number, to: number) => emit.slice(recurrence, [0], [from * hidden], [to * hidden]);
  const bias = (from: number, to: number) =>
    recurrenceBias === undefined ? undefined : emit.slice(recurrenceBias, [0], [from * hidden], [to * hidden]);
  const recurrent = (value: string, from: number, to: number) =>
    plus(emit, emit.gemm(value, rows(from, to), { transB: true }), bias(from, to));
  const both = emit.unary('Sigmoid', emit.add(emit.slice(projected, [1], [0], [2 * hidden]), recurrent(h, 0, 2)));
  const [update, reset] = [columns(emit, both, 0, hidden), columns(emit, both, 1, hidden)];
  const linearBeforeReset = numberAttribute(node, 'linear_before_reset', 0) !== 0;
  const memory = linearBeforeReset ? emit.mul(reset, recurrent(h, 2, 3)) : recurrent(emit.mul(reset, h), 2, 3);
  const candidate = emit.unary('Tanh', emit.add(columns(emit, projected, 2, hidden), memory));
  return { h: emit.add(emit.mul(emit.sub(1, update), candidate), emit.mul(update, h)), c };
};

/** x [steps, rows, features], W and R [directions, gates * hidden, ...], B [directions, 2 * gates * hidden] and so on. */
const unrolled =
  (cell: Cell) =>
  (emit: Emitter, node: GraphNode, outputs: readonly ValueType[]): readonly string[] => {
    const at = (position: number): string | undefined => node.inputs[position] || undefined;
    const [x, weights, recurrences] = [at(0) ?? '', at(1) ?? '', at(2) ?? ''];
    const [steps = 1, rows = 1, features = 1] = emit.dims(x);
    const [directions = 1, width = 1, hidden = 1] = emit.dims(recurrences);
    refuse(emit, node, steps, at(4));
    const ofDirection = (name: string | undefined, direction: number): string | undefined =>
      name && emit.reshape(emit.slice(name, [0], [direction], [direction + 1]), emit.dims(name).slice(1));

    const finished = Array.from({ length: directions }, (_, direction) => {
      const own = (position: number) => ofDirection(at(position), direction);
      const bias = own(3);
      const flat = emit.gemm(emit.reshape(x, [steps * rows, features]), own(1) ?? weights, { transB: true });
      const layer: Layer = {
        emit,
        node,
        hidden,
        projected: emit.reshape(plus(emit, flat, bias && columns(emit, bias, 0, width)), [steps, rows, width]),
        recurrence: own(2) ?? recurrences,
        recurrenceBias: bias && columns(emit, bias, 1, width),
        peepholes: own(7),
      };
      let state: State = { h: own(5) ?? emit.zeros([rows, hidden]), c: own(6) ?? emit.zeros([rows, hidden]) };
      const history: string[] = [];
      const backwards = direction === 1 || stringAttribute(node, 'direction', 'forward') === 'reverse';
      for (let step = 0; step < steps; step++) {
        const t = backwards ? steps - 1 - step : step;
        const projected = emit.reshape(emit.slice(layer.projected, [0], [t], [t + 1]), [rows, width]);
        state = cell(layer, projected, state);
        history[t] = state.h;
      }
      return { history, ...state };
    });

    const stacked = (parts: readonly string[]) =>
      emit.concat(
        parts.map((part) => emit.reshape(part, [1, rows, hidden])),
        0,
      );
    const every = (): string => {
      const all = Array.from({ length: steps }, (_, t) => finished.map(({ history }) => history[t] ?? ''));
      return emit.reshape(stacked(all.flat()), [steps, directions, rows, hidden]);
    };
    const results = [every, () => stacked(finished.map(({ h }) => h)), () => stacked(finished.map(({ c }) => c))];
    return outputs.map((_, i) => (node.outputs[i] ? (results[i]?.() ?? '') : ''));
  };

function refuse(emit: Emitter, node: GraphNode, steps: number, lengths: string | undefined): void {
  const known = lengths === undefined ? undefined : emit.graph.constants.get(lengths);
  if (lengths !== undefined && !(known && asNumbers(known).every((length) => length === steps)))
    throw notExpandable(node, 'a length for each sequence');
  const wanted = ['activations', 'clip', 'input_forget'].filter((name) => node.attributes[name]);
  const usual = ['tanh', 'sigmoid,tanh', 'sigmoid,tanh,tanh'];
  const activations = node.attributes['activations'];
  const listed = Array.isArray(activations) ? activations.join().toLowerCase() : '';
  if (usual.some((list) => listed === list || listed === `${list},${list}`)) wanted.shift();
  if (numberAttribute(node, 'layout', 0) !== 0) wanted.push('layout');
  if (wanted.length > 0) throw notExpandable(node, `the attribute ${wanted.join(' or ')}`);
  if (steps > MAX_STEPS) throw notExpandable(node, `a sequence of more than ${MAX_STEPS} steps`);
}

export const recurrent = {
  RNN: { expand: unrolled(rnnCell), settings: [4] },
  LSTM: { expand: unrolled(lstmCell), settings: [4] },
  GRU: { expand: unrolled(gruCell), settings: [4] },
} satisfies Record<string, Operation>;
