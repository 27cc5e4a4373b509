/**
 * A detector of change in a stream of values in [0, 1] (1 = out of the ordinary). States are plain JSON; `update` returns a new one.
 * A level of 1 or more is an alarm; what to do about it, e.g. start again with `open`, is up to the caller.
 */
export interface Detector<State> {
  open(): State;
  update(state: State, x: number): State;
  level(state: State): number;
}
