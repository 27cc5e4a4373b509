export interface Line {
  name: string;
  points: readonly { epsilon: number; accuracy: number }[];
}

const [WIDTH, HEIGHT] = [560, 300];
const [LEFT, TOP, RIGHT, BOTTOM] = [48, 12, 16, 44];
const COLOURS = ['#2563eb', '#c2410c'];

/** Accuracy against epsilon, as SVG; `marked` is the epsilon that was asked about. */
export function curveChart(lines: readonly Line[], marked: number): string {
  const most = Math.max(...lines.flatMap(({ points }) => points.map(({ epsilon }) => epsilon)));
  const x = (epsilon: number) => (LEFT + ((WIDTH - LEFT - RIGHT) * epsilon) / most).toFixed(1);
  const y = (share: number) => (TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)).toFixed(1);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}" class="grid"/>` +
      `<text x="${LEFT - 8}" y="${Number(y(share)) + 4}" text-anchor="end">${share * 100} %</text>`,
  );
  const ticks = (lines[0]?.points ?? [])
    .filter((_, i) => i % 2 === 0)
    .map(
      ({ epsilon }) =>
        `<text x="${x(epsilon)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${Number(epsilon.toPrecision(3))}</text>`,
    );
  const drawn = lines.map(({ points }, i) => {
    const path = points.map(({ epsilon, accuracy }) => `${x(epsilon)},${y(accuracy)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"/>`;
  });
  const legend = lines.map(
    ({ name }, i) =>
      `<text x="${WIDTH - RIGHT - 4}" y="${TOP + 16 + 18 * i}" text-anchor="end" style="fill:${COLOURS[i % COLOURS.length]}">${name}</text>`,
  );
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="accuracy against epsilon">`,
    ...grid,
    ...ticks,
    `<line x1="${x(marked)}" x2="${x(marked)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" class="marked"/>`,
    ...drawn,
    ...(lines.length > 1 ? legend : []),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">epsilon</text>`,
    '</svg>',
  ].join('\n');
}
