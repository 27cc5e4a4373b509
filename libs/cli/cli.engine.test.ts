import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pickRows, writeNpz } from '#artifacts';
import { ModelBuilder } from '#onnx-autodiff';
import { digits } from '#testbed';

jest.setTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), 'antibody-engine-'));

async function antibody(args: string): Promise<{ engine: { name: string; why: string } }> {
  const words = [resolve('dist/libs/cli/main.js'), ...args.split(' '), '--json', '--quiet'];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: folder });
  return JSON.parse(stdout) as { engine: { name: string; why: string } };
}

beforeAll(() => {
  const { x, y, dims } = pickRows(
    digits(),
    Array.from({ length: 400 }, (_, i) => 22 * i),
  );
  writeFileSync(
    join(folder, 'data.npz'),
    writeNpz({ x: { shape: [400, ...dims], data: x }, y: { shape: [400], data: y } }),
  );
  const model = new ModelBuilder({ input: [1, 28, 28], seed: 1 }).convolution(4, { kernel: 5, stride: 2 }).relu();
  writeFileSync(join(folder, 'cnn.onnx'), model.flatten().dense(10).build());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the built command', () => {
  it('computes with the engine it is told, and says so', async () => {
    const args = 'evaluate cnn.onnx --data data.npz --eps 0.1 --rows 50 --steps 3 --restarts 1 --attacks none';
    const [native, reference] = [
      await antibody(`${args} --engine tensorflow`),
      await antibody(`${args} --engine onnxruntime`),
    ];
    expect(native.engine).toMatchObject({ name: expect.stringMatching(/^tensorflow-(cpu|gpu)$/), why: 'asked for' });
    expect(reference.engine.name).toBe('onnxruntime-cpu');
    expect(native).toMatchObject({ accuracy: (reference as unknown as { accuracy: object }).accuracy });
  });

  it('left alone takes one that is there, and says why', async () => {
    const { engine } = await antibody('attack cnn.onnx --data data.npz --eps 0.1 --rows 20 --attack fgsm --out a.npz');
    expect(engine.name).not.toBe('');
    expect(engine.why).toMatch(/there is no GPU|the fastest of those that work/);
  });
});
