import Sequencer from '@jest/test-sequencer';

const KINDS = ['e2e', 'medium'];
const rank = ({ context }) => {
  const kind = KINDS.indexOf(context.config.displayName?.name);
  return kind < 0 ? KINDS.length : kind;
};

/** The long tests first, so that none of them runs alone at the end: Jest knows how long a file takes from its second run on only. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => rank(a) - rank(b));
  }
}
