export { ModelServerError, PayloadError } from './errors.js';
export { loggerPost, parseLoggerEvent, type LoggedHalf, type LoggerEvent, type LoggerPost } from './logger-event.js';
export { openInference, type Inference, type OpenInferenceClient } from './open-inference.js';
export { modelRepository, type ModelRepository, type RepositoryEntry } from './model-repository.js';
export { requestRows, type InferenceRows, type Protocol, type RowShape } from './payload/request.js';
export { encodeRequest } from './payload/encode-request.js';
export { responseClasses, type InferenceClasses } from './payload/response.js';
export { encodeResponse } from './payload/encode-response.js';
