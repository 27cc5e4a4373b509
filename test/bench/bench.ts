/** One number, measured several times. Null: what is measured did not happen in that run. */
export interface Measure {
  what: string;
  unit: string;
  values: readonly (number | null)[];
}

export interface Findings {
  measures: Measure[];
  /** What one has to know to read the numbers, one sentence each. */
  notes: string[];
}

export interface Bench {
  name: string;
  /** One line for --help. */
  description: string;
  /** `say`: progress for people. */
  run(say: (line: string) => void): Promise<Findings>;
}
