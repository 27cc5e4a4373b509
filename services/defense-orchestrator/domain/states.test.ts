import { describe, expect, it } from '@jest/globals';
import { checkTransition, FIRST_STATE, isEnd, problemsOf, STATES, TransitionError } from './states.js';

describe('the table of states', () => {
  it('reaches every state, and from every state an end', () => {
    expect(problemsOf(STATES, FIRST_STATE)).toEqual([]);
  });

  it('has the five ends of the contract', () => {
    const ends = Object.keys(STATES).filter((state) => isEnd(state as keyof typeof STATES));
    expect(ends.sort()).toEqual(['failed', 'recovered', 'rejected', 'rolled-back', 'suppressed']);
  });

  it('refuses what it does not list', () => {
    expect(() => checkTransition('training', 'recovered')).toThrow(TransitionError);
    expect(() => checkTransition('recovered', 'training')).toThrow('may not go from recovered to training');
  });

  it('the check sees what is wrong with a table', () => {
    const table = { a: ['b'], b: ['a', 'nowhere'], lost: [] };
    expect(problemsOf(table, 'a')).toEqual([
      'a has no way to an end',
      'b has no way to an end',
      'b leads to unknown nowhere',
      'lost cannot be reached from a',
    ]);
  });
});
