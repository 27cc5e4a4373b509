import { availableParallelism } from 'node:os';
import { existsSync } from 'node:fs';
import { type Executor, ortExecutor } from '#onnx-autodiff';
import { secondsPerStep } from './measure.js';
import { tensorFlowExecutor } from './tensorflow/executor.js';
import { findTensorFlow, loadTensorFlow } from './tensorflow/native.js';

/** What may be asked for. `onnxruntime` is the CPU, `tensorflow` a GPU where it finds one. */
export const engineNames = ['auto', 'onnxruntime', 'cuda', 'webgpu', 'tensorflow'] as const;
export type EngineName = (typeof engineNames)[number];

export interface Engine {
  readonly executor: Executor;
  /** Why this one, in a few words. */
  readonly why: string;
}

/** An engine that was asked for by name is not there, or does not work. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
}

export interface EngineOptions {
  readonly threads?: number;
}

export async function openEngine(
  name: EngineName,
  { threads = availableParallelism() }: EngineOptions = {},
): Promise<Engine> {
  if (name === 'auto') return fastest({ threads });
  const executor = open(name, threads);
  if (name !== 'onnxruntime') await working(executor, name);
  return { executor, why: 'asked for' };
}

/** Those that work here, GPUs first. */
export async function enginesPresent({ threads = availableParallelism() }: EngineOptions = {}): Promise<Executor[]> {
  const found: Executor[] = [];
  for (const name of ['tensorflow', 'cuda', 'webgpu'] as const) {
    if (name === 'tensorflow' ? findTensorFlow() === undefined : !hasGpu()) continue;
    try {
      const executor = open(name, threads);
      await working(executor, name);
      found.push(executor);
    } catch (error) {
      if (!(error instanceof EngineUnavailableError)) throw error;
    }
  }
  return [...found, open('onnxruntime', threads)];
}

/** Without a GPU a rule suffices; with one, all engines that work take the same steps, and the fastest is taken. */
async function fastest(options: Required<EngineOptions>): Promise<Engine> {
  const cpu = open('onnxruntime', options.threads);
  if (!hasGpu()) return { executor: cpu, why: 'there is no GPU' };
  const measured: { executor: Executor; seconds: number }[] = [];
  for (const executor of await enginesPresent(options))
    measured.push({ executor, seconds: await secondsPerStep(executor) });
  measured.sort((a, b) => a.seconds - b.seconds);
  const times = measured.map(({ executor, seconds }) => `${executor.name} ${(1000 * seconds).toFixed(1)} ms`);
  return { executor: measured[0]?.executor ?? cpu, why: `the fastest of those that work: ${times.join(', ')} a step` };
}

function open(name: Exclude<EngineName, 'auto'>, threads: number): Executor {
  if (name !== 'tensorflow') return ortExecutor({ provider: name === 'onnxruntime' ? 'cpu' : name, threads });
  const folder = findTensorFlow();
  if (folder === undefined)
    throw new EngineUnavailableError('TensorFlow is not set up: run npm run setup:tensorflow, or take another engine');
  return tensorFlowExecutor(loadTensorFlow(folder, threads));
}

const NEEDS: Partial<Record<EngineName, string>> = {
  cuda: "it needs an NVIDIA GPU, CUDA 12 with cuDNN 9, and ONNX Runtime's provider for them (docs/command-line.md says how)",
  webgpu: 'it needs a GPU and a driver for Vulkan (on Debian: libvulkan1 and the driver of the GPU)',
  tensorflow: 'run npm run setup:tensorflow again',
};

async function working(executor: Executor, name: EngineName): Promise<void> {
  await secondsPerStep(executor, { steps: 1, batch: 1 }).catch((error: unknown) => {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new EngineUnavailableError(`the engine ${name} does not work here: ${NEEDS[name]} (${reason})`, {
      cause: error,
    });
  });
}

/** A device node of NVIDIA's driver, or one for rendering. A driver for Vulkan alone may be software. */
export const hasGpu = (): boolean =>
  ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dri/renderD128'].some((path) => existsSync(path));
