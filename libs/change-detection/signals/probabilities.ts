/** Softmax of one row of logits. */
export function probabilities(logits: Float32Array): Float64Array {
  const largest = logits.reduce((max, z) => Math.max(max, z), -Infinity);
  const exps = Float64Array.from(logits, (z) => Math.exp(z - largest));
  const total = exps.reduce((sum, e) => sum + e, 0);
  return exps.map((e) => e / total);
}

export const confidence = (logits: Float32Array): number =>
  probabilities(logits).reduce((max, p) => Math.max(max, p), 0);

/** The predicted class: the first of the largest logits. */
export function predictedClass(logits: Float32Array): number {
  let best = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k;
  return best;
}
