import type { ThreatModel } from '#adversarial';

import type { Evaluation } from '../evaluation.js';
import type { Example, Illustration } from '../illustration.js';
import type { pictureOf } from '../layout.js';
import { curveChart } from './chart.js';
import { png } from './png.js';
import { percent } from './shares.js';

export interface Page {
  title: string;
  /** What was measured, and how: one line each. */
  facts: readonly string[];
  threat: ThreatModel;
  picture: ReturnType<typeof pictureOf>;
  /** One model, or the same before and after. */
  parts: readonly { name: string; evaluation: Evaluation; illustration: Illustration }[];
  /** Lines of the gate, where there was one. */
  verdict?: readonly { passed: boolean; text: string }[];
}

/** One file that needs nothing else: no scripts, styles or pictures from elsewhere. */
export function htmlReport({ title, facts, threat, picture, parts, verdict = [] }: Page): string {
  const chart = curveChart(
    parts.map(({ name, illustration }) => ({ name: escape(name), points: illustration.curve })),
    threat.epsilon,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<h1>${escape(title)}</h1>
<p>${facts.map(escape).join('<br>')}</p>
${verdict.map(({ passed, text }) => `<p class="${passed ? 'good' : 'bad'}">${passed ? 'passed' : 'FAILED'}: ${escape(text)}</p>`).join('\n')}
<h2>Accuracy, with 95 % intervals</h2>
${accuracyTable(parts)}
${parts.flatMap(({ name, evaluation }) => evaluation.flags.map((flag) => `<p class="bad">${escape(name)}: ${escape(flag)}</p>`)).join('\n')}
<h2>Accuracy against epsilon</h2>
${chart}
<p class="note">PGD-20 from one start on ${parts[0]?.illustration.curveRows} rows: it shows the shape; the table has the numbers.</p>
<h2>Classes</h2>
${classTable(parts)}
${parts.map(({ name, illustration }) => exampleTable(name, illustration.examples, threat, picture)).join('\n')}
</html>
`;
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff }
table { border-collapse: collapse } th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left } svg { max-width: 560px; font-size: 12px }
.grid { stroke: #e5e5e5 } .marked { stroke: #999; stroke-dasharray: 4 }
.good { color: #15803d } .bad { color: #b91c1c } .note { color: #666 }
.examples td { text-align: center } .examples img { width: 96px; image-rendering: pixelated; border: 1px solid #ddd }`;

function accuracyTable(parts: Page['parts']): string {
  const names = Object.keys(parts[0]?.evaluation.accuracy ?? {});
  const cell = ({ value, low, high }: { value: number; low: number; high: number }) =>
    `<td>${percent(value)} <span class="note">${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}</span></td>`;
  return table(
    ['', ...parts.map(({ name }) => name)],
    names.map((name) => `<td>${name}</td>${parts.map(({ evaluation }) => cell(evaluation.accuracy[name]!)).join('')}`),
  );
}

function classTable(parts: Page['parts']): string {
  const classes = parts[0]?.evaluation.classes ?? [];
  return table(
    ['class', 'rows', ...parts.flatMap(({ name }) => [`${name}: clean`, `under all attacks`])],
    classes.map(({ class: label, clean }, i) => {
      const shares = parts.flatMap(({ evaluation }) => [evaluation.classes[i]!.clean, evaluation.classes[i]!.robust]);
      return `<td>${label}</td><td>${clean.n}</td>${shares.map(({ value }) => `<td>${percent(value)}</td>`).join('')}`;
    }),
  );
}

function table(head: readonly string[], rows: readonly string[]): string {
  const heading = head.map((text) => `<th>${escape(text)}</th>`).join('');
  return `<table><tr>${heading}</tr>\n${rows.map((row) => `<tr>${row}</tr>`).join('\n')}</table>`;
}

function exampleTable(
  name: string,
  examples: readonly Example[],
  { epsilon, range: [low, high], norm }: ThreatModel,
  picture: Page['picture'],
): string {
  if (!picture || (picture.channels !== 1 && picture.channels !== 3) || examples.length === 0) return '';
  const image = (values: Float32Array) => {
    const bytes = Uint8Array.from(interleaved(values, picture), (share) =>
      Math.round(255 * Math.min(1, Math.max(0, share))),
    );
    const file = png(bytes, picture.width, picture.height, picture.channels as 1 | 3);
    return `<td><img alt="" src="data:image/png;base64,${file.toString('base64')}"></td>`;
  };
  const shown = (values: Float32Array) => image(values.map((value) => (value - low) / (high - low)));
  const rows = examples.map(({ clean, attacked, label, predicted }) => {
    const change = clean.map((value, i) => attacked[i]! - value);
    const most = norm === 'linf' ? epsilon : change.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-12);
    const verdict = predicted.attacked === label ? `still ${label}` : `taken for ${predicted.attacked}`;
    const pictures = shown(clean) + image(change.map((value) => 0.5 + value / (2 * most))) + shown(attacked);
    return `<td>${label}</td>${pictures}<td>${verdict}</td>`;
  });
  const heading = `<h2>Examples: ${escape(name)}</h2>\n<p class="note">The perturbation is amplified: grey is no change.</p>`;
  const body = table(['class', 'clean', 'perturbation', 'attacked', ''], rows);
  return `${heading}\n${body.replace('<table>', '<table class="examples">')}`;
}

function interleaved(
  values: Float32Array,
  { height, width, channels, channelsLast }: NonNullable<Page['picture']>,
): Float32Array {
  if (channelsLast || channels === 1) return values;
  const pixels = height * width;
  return values.map((_, i) => values[(i % channels) * pixels + Math.floor(i / channels)]!);
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!);
