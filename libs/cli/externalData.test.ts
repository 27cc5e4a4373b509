import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MalformedModelError } from '#onnx-autodiff';
import { UsageError } from './errors.js';
import { readModelFile } from './files.js';

const MODEL = resolve('test/exporters/external-onnx.onnx');
const DATA = 'external-onnx.data';

describe('a model whose weights lie beside it', () => {
  let root: string;
  let folder: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'antibody-files-'));
    folder = join(root, 'models');
    mkdirSync(folder);
    copyFileSync(MODEL, join(folder, 'model.onnx'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const data = resolve('test/exporters', DATA);
  const read = () => readModelFile(join(folder, 'model.onnx')).catch((error: unknown) => error);

  it('is read whole', async () => {
    copyFileSync(data, join(folder, DATA));
    expect(await read()).toMatchObject({ parameters: { length: 6 } });
  });

  it('may be reached by a link, and lie behind one in the same folder', async () => {
    copyFileSync(data, join(folder, 'real'));
    symlinkSync('real', join(folder, DATA));
    symlinkSync(folder, join(root, 'link'));
    expect(await readModelFile(join(root, 'link', 'model.onnx'))).toMatchObject({ parameters: { length: 6 } });
  });

  it('says what is missing', async () => {
    const error = await read();
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(/weights in "external-onnx.data", which cannot be read: no such file/);
  });

  it('says what is too short', async () => {
    writeFileSync(join(folder, DATA), new Uint8Array(5000));
    const error = await read();
    expect(error).toBeInstanceOf(MalformedModelError);
    expect(String(error)).toMatch(
      /"9.weight" lies at bytes 0 to 5120 of "external-onnx.data", which ends 120 bytes before/,
    );
  });

  it('gets nothing from outside its folder through a link', async () => {
    copyFileSync(data, join(root, 'secret'));
    symlinkSync('../secret', join(folder, DATA));
    expect(String(await read())).toMatch(/leads out of the model's folder/);
    rmSync(join(folder, DATA));
    symlinkSync('/dev/zero', join(folder, DATA));
    expect(String(await read())).toMatch(/leads out of the model's folder/);
    rmSync(join(folder, DATA));
    mkdirSync(join(folder, DATA));
    expect(String(await read())).toMatch(/which is no file/);
  });

  it.each(['/etc/hosts........', '../../secret......', 'a/../../secret....', '..\\secret.........'])(
    'gets nothing from %s',
    async (location) => {
      const bytes = readFileSync(MODEL);
      for (let at = bytes.indexOf(DATA); at >= 0; at = bytes.indexOf(DATA, at))
        bytes.write(location.slice(0, DATA.length), at);
      writeFileSync(join(folder, 'model.onnx'), bytes);
      const error = await read();
      expect(error).toBeInstanceOf(UsageError);
      expect(String(error)).toMatch(/which is not in the model's folder/);
    },
  );
});
