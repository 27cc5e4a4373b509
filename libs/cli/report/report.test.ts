import { inflateSync } from 'node:zlib';

import { describe, expect, it } from '@jest/globals';

import { wilson } from '#change-detection';

import { curveChart } from './chart.js';
import { htmlReport, type Page } from './html.js';
import { png } from './png.js';
import { table } from './text.js';

/** A reader of its own, for what `png` writes. */
function decode(file: Buffer) {
  expect(file.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    chunks.set(file.toString('latin1', at + 4, at + 8), file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const header = chunks.get('IHDR')!;
  const lines = inflateSync(chunks.get('IDAT')!);
  return { width: header.readUInt32BE(0), height: header.readUInt32BE(4), colours: header[9], lines: [...lines] };
}

const page = (changes: Partial<Page> = {}): Page => ({
  title: 'a <b> & "c"',
  facts: ['500 rows'],
  threat: { norm: 'linf', epsilon: 0.25, range: [0, 1] },
  picture: { height: 1, width: 2, channels: 1, channelsLast: false },
  parts: [
    {
      name: 'before',
      evaluation: {
        accuracy: { clean: wilson(9, 10), pgd: wilson(3, 10) },
        classes: [{ class: 0, clean: wilson(9, 10), robust: wilson(3, 10) }],
        ...{ largestPerturbation: 0.25, flags: ['zero gradients: <all>'], skipped: [], standing: 3 },
      },
      illustration: {
        curve: [0, 0.25, 0.5].map((epsilon) => ({ epsilon, accuracy: 1 - epsilon })),
        curveRows: 10,
        examples: [
          {
            clean: Float32Array.of(0, 1),
            attacked: Float32Array.of(0.25, 0.75),
            label: 0,
            predicted: { clean: 0, attacked: 1 },
          },
        ],
      },
    },
  ],
  ...changes,
});

describe('the HTML report', () => {
  const html = htmlReport(page());

  it('needs nothing from elsewhere, and shows file names as text', () => {
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
    expect(html).not.toMatch(/<script|@import|url\(/);
    expect(html).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
    expect(html).toContain('zero gradients: &lt;all&gt;');
  });

  it('shows numbers, curve and pictures', () => {
    expect(html).toContain('90.0 %');
    expect(html).toContain('taken for 1');
    expect(html.match(/<polyline/g)).toHaveLength(1);
    const images = [...html.matchAll(/base64,([^"]+)"/g)].map(([, text]) => decode(Buffer.from(text!, 'base64')));
    expect(images.map(({ lines }) => lines)).toEqual([
      [0, 0, 255],
      [0, 255, 0], // up by epsilon, down by epsilon
      [0, 64, 191],
    ]);
  });

  it('turns planes of colours into pixels', () => {
    const colours = htmlReport(
      page({
        picture: { height: 1, width: 2, channels: 3, channelsLast: false },
        parts: page().parts.map((part) => ({
          ...part,
          illustration: {
            ...part.illustration,
            examples: part.illustration.examples.map((example) => ({
              ...example,
              clean: Float32Array.of(0, 1, 0.2, 0.4, 0.6, 0.8),
              attacked: new Float32Array(6),
            })),
          },
        })),
      }),
    );
    const [first] = [...colours.matchAll(/base64,([^"]+)"/g)].map(([, text]) => decode(Buffer.from(text!, 'base64')));
    expect(first).toMatchObject({ width: 2, height: 1, colours: 2, lines: [0, 0, 51, 153, 255, 102, 204] });
  });

  it('has no examples where rows are no pictures', () => {
    expect(htmlReport(page({ picture: undefined }))).not.toContain('<img');
  });
});

describe('its parts', () => {
  it('a PNG has its size, and a filter byte before each line', () => {
    expect(decode(png(Uint8Array.of(1, 2, 3, 4, 5, 6), 2, 3, 1))).toEqual({
      ...{ width: 2, height: 3, colours: 0, lines: [0, 1, 2, 0, 3, 4, 0, 5, 6] },
    });
  });

  it('the curve falls from left to right', () => {
    const points = [0, 0.5, 1].map((epsilon) => ({ epsilon, accuracy: 1 - epsilon }));
    const drawn = /points="([^"]+)"/.exec(curveChart([{ name: 'a', points }], 0.5))![1]!;
    const [first, , last] = drawn.split(' ').map((point) => point.split(',').map(Number));
    expect(first![0]).toBeLessThan(last![0]!);
    expect(first![1]).toBeLessThan(last![1]!); // SVG's y grows downwards
  });

  it('columns of a table have one width', () => {
    expect(table([['a', 'bb'], ['ccc', 'd']])).toBe('  a     bb\n  ccc    d'); // prettier-ignore
  });
});
