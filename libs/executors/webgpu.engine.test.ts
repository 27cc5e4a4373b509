import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';

jest.setTimeout(300_000);

/** The software driver that Debian's chromium-common brings (SwiftShader); another one is named by VK_ICD_FILENAMES. */
const driver = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Vulkan's loader reads its environment when a process starts. */
const script = `
import { hardenModel } from '#adversarial';
import { openEngine } from '#executors';
import { ModelBuilder, ortExecutor, parseModel } from '#onnx-autodiff';
const net = new ModelBuilder({ input: [1, 12, 12], seed: 5 }).convolution(8, { kernel: 3, pad: 1 }).relu();
const model = parseModel(net.maxPool({ kernel: 2, stride: 2 }).flatten().dense(3).build());
const rows = (n) => ({
  x: Float32Array.from({ length: n * 144 }, (_, i) => (i % 144 < 48 * (1 + (Math.floor(i / 144) % 3)) ? 0.7 : 0.2) + ((i * 7919) % 100) / 500),
  y: Int32Array.from({ length: n }, (_, i) => i % 3),
  ...{ n, dims: [1, 12, 12], classes: 3 },
});
const recipe = { attackSteps: 1, epochs: 1, batchSize: 16, learningRate: 5e-3, epsilonFactor: 1 };
const plan = { recipe, threat: { norm: 'linf', epsilon: 0.05, range: [0, 1] }, seed: 1 };
const harden = (executor) => hardenModel(model, rows(64), rows(16), plan, { executor, lowering: 'plain' });
const { executor } = await openEngine('webgpu', { threads: 1 });
const [device, host] = [await harden(executor), await harden(ortExecutor({ threads: 1 }))];
const difference = Math.max(
  ...[...host.weights].flatMap(([name, values]) => [...values].map((value, i) => Math.abs(value - device.weights.get(name)[i]))),
);
const moved = Math.max(
  ...model.parameters.flatMap(({ name, data }) => [...data].map((value, i) => Math.abs(value - host.weights.get(name)[i]))),
);
console.log(JSON.stringify({ engine: executor.name, difference, moved }));
`;

describe('a hardening by WebGPU on a driver for Vulkan', () => {
  (existsSync(driver) ? it : it.skip)('gives the weights that the CPU gives, up to rounding', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'antibody-webgpu-'));
    try {
      const env = { ...process.env, VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: folder };
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
      const { engine, difference, moved } = JSON.parse(stdout) as { engine: string; difference: number; moved: number };
      expect(engine).toBe('onnxruntime-webgpu');
      expect(moved).toBeGreaterThan(5e-3);
      expect(difference).toBeLessThan(1e-3 * moved);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
