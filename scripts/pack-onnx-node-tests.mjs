// Packs the ONNX project's backend node tests that use supported operations only, after `npm run build`:
//   node scripts/pack-onnx-node-tests.mjs .../site-packages/onnx/backend/test/data/node
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '../dist/libs/onnx-autodiff/file/generated/onnx_pb.js';
import { operationOf } from '../dist/libs/onnx-autodiff/ops/registry.js';

const [source] = process.argv.slice(2);
const target = join(import.meta.dirname, '../libs/onnx-autodiff/testing/onnx-node-tests/cases.tar.br');
const cases = readdirSync(source, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && isSupported(join(source, entry.name, 'model.onnx')))
  .map(({ name }) => name)
  .sort();

function isSupported(file) {
  const { graph } = fromBinary(ModelProtoSchema, readFileSync(file));
  return graph.node.every(({ opType, domain }) => (domain ?? '') === '' && operationOf(opType));
}

const tar = execFileSync(
  'tar',
  [
    '-c',
    '--format=ustar',
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=644',
    '-C',
    source,
    ...cases,
  ],
  { maxBuffer: 2 ** 30 },
);
writeFileSync(
  target,
  brotliCompressSync(tar, {
    params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: tar.length },
  }),
);
console.log(`${cases.length} cases in ${target}`);
