import { describe, expect, it } from '@jest/globals';
import { ortExecutor } from './ortExecutor.js';
import { knownNodeTestFailures } from './testing/knownNodeTestFailures.js';
import { nodeTestFailure, nodeTests } from './testing/nodeTests.js';

const executor = ortExecutor({ threads: 1 });
const tests = nodeTests();
const known = new Map(knownNodeTestFailures.flatMap(({ tests: names, says }) => names.map((name) => [name, says])));

/** The ONNX project's own tests of each operation. */
describe('node tests of the ONNX project', () => {
  it.each(tests.map((test) => [test.name, test] as const))('%s', async (name, test) => {
    const failure = await nodeTestFailure(test, executor, executor).catch((error: unknown) => String(error));
    const says = known.get(name);
    if (says) expect(failure).toMatch(says);
    else expect(failure).toBeUndefined();
  });

  it('are all there', () => {
    expect(tests).toHaveLength(626);
    expect([...known.keys()].filter((name) => !tests.some((test) => test.name === name))).toEqual([]);
  });
});
