import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadClassifier } from './classifier.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';

const folder = resolve(process.env['ONNX_LIGHT_DIR'] ?? resolve('..', 'shared', 'data', 'onnx-light'));
const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.onnx')) : [];

/** Well-known networks as the ONNX project ships them for its own tests (onnx/backend/test/data/light), opset 9. */
describe('classifiers of the ONNX project', () => {
  if (names.length === 0) it.skip(`no models in ${folder}: set ONNX_LIGHT_DIR to check them`, () => undefined);
  else
    it.each(names)(
      '%s can be loaded and differentiated',
      async (name) => {
        const model = parseModel(readFileSync(resolve(folder, name)));
        const classifier = await loadClassifier(model, { batch: 2, executor: ortExecutor() });
        expect(classifier.classes).toBe(1000);
      },
      120_000,
    );
});
