export const calibrationMethod = 'v1';
