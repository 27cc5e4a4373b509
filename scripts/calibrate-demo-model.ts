/** Makes the calibration that comes with the demo's model: `node dist/scripts/calibrate-demo-model.js [file]`. */
import { writeFile } from 'node:fs/promises';
import { calibrationTable, terminalView } from '#testbed';
import { calibrateDemoModel } from './demo-calibration.js';

const file = process.argv[2] ?? 'libs/testbed/models/mnist-cnn.calibration.json';
const { file: content, summary } = await calibrateDemoModel();
await writeFile(file, content);
calibrationTable(
  summary,
  terminalView(process.stdout, () => performance.now()),
);
