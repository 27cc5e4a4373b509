import { compileTraining, unitBallNoise, random, type OptimizerState } from '#adversarial';
import { loadClassifier, ModelBuilder, ortExecutor, parseModel } from '#onnx-autodiff';

export type Clock = 'wall' | 'cpu';

/** Does adversarial training steps and says how many milliseconds each took. */
export interface Stepper {
  run(steps: number): Promise<number>;
  end(): Promise<void>;
}

const classes = 10;
const batch = 64;
const range = [0, 1] as const;
const picture = (input: readonly number[]) => new ModelBuilder({ input, seed: 1 });
const half = { kernel: 4, stride: 2, pad: 1 };
const two = { kernel: 2, stride: 2 };

/** Those of steps_peer.py. */
const networks = {
  stride: () =>
    picture([1, 28, 28])
      .convolution(16, half)
      .relu()
      .convolution(32, half)
      .relu()
      .flatten()
      .dense(100)
      .relu()
      .dense(10),
  pool: () =>
    picture([1, 28, 28])
      .convolution(32, { kernel: 5, pad: 2 })
      .relu()
      .maxPool(two)
      .convolution(64, { kernel: 5, pad: 2 })
      .relu()
      .maxPool(two)
      .flatten()
      .dense(256)
      .relu()
      .dense(classes),
  resnet: () => {
    const three = { kernel: 3, pad: 1 };
    const net = picture([3, 32, 32]).convolution(64, three).batchNormalization().relu();
    for (let stage = 0; stage < 4; stage++)
      for (let block = 0; block < 2; block++) {
        const channels = 64 << stage;
        const first = { ...three, stride: stage > 0 && block === 0 ? 2 : 1 };
        net
          .residual((inner) =>
            inner
              .convolution(channels, first)
              .batchNormalization()
              .relu()
              .convolution(channels, three)
              .batchNormalization(),
          )
          .relu();
      }
    return net.globalAveragePool().flatten().dense(classes);
  },
} satisfies Record<string, () => ModelBuilder>;

export type NetworkName = keyof typeof networks;

/** PGD-3 and one step of Adam (of SGD with momentum for the large one), on batches of 64, as the trainer does it. */
export async function ourStepper(network: NetworkName, threads: number, clock: Clock): Promise<Stepper> {
  const executor = ortExecutor({ threads });
  const classifier = await loadClassifier(parseModel(networks[network]().build()), {
    batch,
    executor,
    lowering: 'fast',
  });
  const large = network === 'resnet';
  const epsilon = large ? 8 / 255 : 0.3;
  const recipe = { attackSteps: 3, optimizer: large ? 'sgd' : 'adam' } as const;
  const training = await compileTraining(classifier, { executor, recipe, norm: 'linf', range });
  const features = classifier.inputDims.slice(1).reduce((product, size) => product * size, 1);
  const stream = random(1);
  const x = Float32Array.from({ length: batch * features }, stream.next);
  const labels = new Float32Array(batch * classes);
  for (let row = 0; row < batch; row++) labels[row * classes + (row % classes)] = 1;
  const tensors = (make: (data: Float32Array) => Float32Array) =>
    new Map([...classifier.parameters].map(([name, { data }]) => [name, make(data as Float32Array)]));
  const zeros = () => tensors((data) => new Float32Array(data.length));
  const weights = tensors((data) => data);
  let state: OptimizerState = { step: 0, weights, firstMoments: zeros(), secondMoments: zeros() };
  const step = async () => {
    const noise = unitBallNoise('linf', batch, features, stream);
    ({ state } = await training.step({ x, labels, noise, epsilon, learningRate: large ? 1e-3 : 1e-4 }, state));
  };
  await step();
  return {
    async run(steps) {
      const began = now(clock);
      for (let i = 0; i < steps; i++) await step();
      return (now(clock) - began) / steps;
    },
    end: () => training.release(),
  };
}

function now(clock: Clock): number {
  if (clock === 'wall') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
