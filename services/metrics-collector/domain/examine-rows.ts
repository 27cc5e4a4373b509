import {
  predictedClass,
  rowSignals,
  squeezedInput,
  type ModelFunctions,
  type PreparedSignals,
} from '#change-detection';
import type { ExaminedRow } from './examination.js';

/** The cheap part, for every examined row: a pure function of the row and the revision's files, whichever replica it reaches. */
export async function examineRows(
  model: Pick<ModelFunctions, 'forward' | 'features' | 'classes'>,
  signals: PreparedSignals | null,
  x: Float32Array,
  rows: number,
): Promise<ExaminedRow[]> {
  const logits = await model.forward(x, rows);
  const squeezed = signals && squeezedInput(signals, x);
  const squeezedLogits = squeezed && (await model.forward(squeezed, rows));
  const rowOf = (values: Float32Array, width: number, row: number) => values.subarray(row * width, (row + 1) * width);
  return Array.from({ length: rows }, (_, row) => {
    const ofRow = {
      x: rowOf(x, model.features, row),
      logits: rowOf(logits, model.classes, row),
      squeezedLogits: squeezedLogits && rowOf(squeezedLogits, model.classes, row),
    };
    return { class: predictedClass(ofRow.logits), signals: signals ? rowSignals(signals, ofRow) : {} };
  });
}
