/** Filters on one plane (height x width, row-major). */
export interface Plane {
  data: Float32Array;
  height: number;
  width: number;
}

/** ... c b a | a b c ... */
const reflect = (i: number, n: number): number => {
  const period = 2 * n;
  const at = ((i % period) + period) % period;
  return at < n ? at : period - 1 - at;
};

export function gaussianBlur({ data, height, width }: Plane, sigma: number): Float32Array {
  const radius = Math.ceil(4 * sigma);
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  const along = (from: Float32Array, lines: number, length: number, lineStep: number, step: number): Float32Array => {
    const out = new Float32Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) {
          sum += kernel[k + radius]! * from[line * lineStep + reflect(i + k, length) * step]!;
        }
        out[line * lineStep + i * step] = sum / total;
      }
    }
    return out;
  };
  return along(along(data, width, height, 1, width), height, width, width, 1);
}

/** Bilinear, about the centre, the border repeated. */
export function rotated({ data, height, width }: Plane, degrees: number): Float32Array {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [cy, cx] = [(height - 1) / 2, (width - 1) / 2];
  return Float32Array.from(data, (_value, at) => {
    const [y, x] = [Math.floor(at / width) - cy, (at % width) - cx];
    return bilinear({ data, height, width }, cos * y - sin * x + cy, sin * y + cos * x + cx);
  });
}

function bilinear({ data, height, width }: Plane, y: number, x: number): number {
  const clamp = (value: number, n: number) => Math.max(0, Math.min(n - 1, value));
  const [cy, cx] = [clamp(y, height), clamp(x, width)];
  const [top, left] = [Math.floor(cy), Math.floor(cx)];
  const [bottom, right] = [Math.min(height - 1, top + 1), Math.min(width - 1, left + 1)];
  const [fy, fx] = [cy - top, cx - left];
  const upper = data[top * width + left]! * (1 - fx) + data[top * width + right]! * fx;
  const lower = data[bottom * width + left]! * (1 - fx) + data[bottom * width + right]! * fx;
  return upper * (1 - fy) + lower * fy;
}

/** Down by dy and right by dx; what leaves comes in at the other side. */
export function rolled({ data, height, width }: Plane, dy: number, dx: number): Float32Array {
  return Float32Array.from(data, (_value, at) => {
    const [y, x] = [Math.floor(at / width), at % width];
    return data[((y - dy + height) % height) * width + ((x - dx + width) % width)]!;
  });
}
