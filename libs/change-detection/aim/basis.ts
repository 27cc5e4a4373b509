/** Images: rotation of the channels (columns of `mix`: eigenvectors of their covariance), then a cosine transform of each plane. */
export interface ImageBasis {
  kind: 'image';
  channels: number;
  height: number;
  width: number;
  channelsLast: boolean;
  /** channels x channels, row-major. */
  mix: number[];
}

/** Vectors: principal components. */
export interface VectorBasis {
  kind: 'vector';
  mean: number[];
  /** features x features, row-major; column k is component k. */
  vectors: number[];
}

export type Basis = ImageBasis | VectorBasis;
