import { describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { mnistCnn, ModelBuilder } from './modelBuilder.js';

describe('ModelBuilder', () => {
  it('writes files that ONNX Runtime runs at any batch size', async () => {
    const session = await InferenceSession.create(mnistCnn(1));
    for (const rows of [1, 3]) {
      const { logits } = await session.run({
        input: new Tensor('float32', new Float32Array(rows * 784).fill(0.5), [rows, 1, 28, 28]),
      });
      expect(logits?.dims).toEqual([rows, 10]);
      expect(Array.from(logits?.data as Float32Array).every((value) => Number.isFinite(value) && value !== 0)).toBe(
        true,
      );
    }
    await session.release();
  });

  it('knows the shapes of every layer it offers', async () => {
    const bytes = new ModelBuilder({ input: [3, 9, 9], seed: 2 })
      .convolution(8, { kernel: 3, pad: 1 })
      .batchNormalization()
      .residual((net) => net.relu().convolution(12, { kernel: 3, stride: 2, pad: 1 }, 4))
      .maxPool({ kernel: 2, stride: 1 })
      .averagePool({ kernel: 2, stride: 2 })
      .globalAveragePool()
      .flatten()
      .dense(4)
      .softmax()
      .build();
    const session = await InferenceSession.create(bytes);
    const { logits } = await session.run({
      input: new Tensor('float32', new Float32Array(2 * 243).fill(1), [2, 3, 9, 9]),
    });
    expect(logits?.dims).toEqual([2, 4]);
    await session.release();
  });

  it('gives the same file for the same seed only', () => {
    const first = Buffer.from(mnistCnn(7));
    expect(first.equals(mnistCnn(7))).toBe(true);
    expect(first.equals(mnistCnn(8))).toBe(false);
  });
});
