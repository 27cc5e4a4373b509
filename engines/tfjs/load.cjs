// Loads the native package; throws where setup.mjs has not been run.
// tfjs-node 4.22 calls two functions that Node 23 took away.
const util = require('node:util');
util.isNullOrUndefined = (value) => value === null || value === undefined;
util.isArray = Array.isArray;
process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'; // read when the library loads; 0 shows TensorFlow's own log
process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';

module.exports = require('@tensorflow/tfjs-node-gpu');
