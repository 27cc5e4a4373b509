/** Rows that have waited for longer show that the machine cannot examine all of them, whatever the limit says. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Keeps the examined rows of a model under a limit per second: above it each row is examined with the probability
 * `limit / rate`, so that an attacker cannot choose which. Never more than the limit, also while a burst begins. On a machine
 * that falls behind the probability goes down with the wait, so that what is seen stays recent.
 */
export class Sampler {
  private second = -1;
  private arrivedBefore = 0;
  private arrived = 0;
  private examined = 0;

  /** `random`: uniform in [0, 1). */
  constructor(private readonly random: () => number) {}

  /** The share of rows that is examined at present, or undefined when this row is passed over. `at`: when it came; both in milliseconds. */
  admit(at: number, limitPerSecond: number, waited: number): number | undefined {
    this.startSecond(Math.floor(at / 1000));
    this.arrived++;
    const underLimit = limitPerSecond / Math.max(this.arrivedBefore, this.arrived);
    const share = Math.min(1, underLimit, LONGEST_WAIT_MS / Math.max(waited, 1));
    if (this.examined >= limitPerSecond || (share < 1 && this.random() >= share)) return undefined;
    this.examined++;
    return share;
  }

  private startSecond(second: number): void {
    if (second === this.second) return;
    this.arrivedBefore = second === this.second + 1 ? this.arrived : 0;
    this.second = second;
    this.arrived = 0;
    this.examined = 0;
  }
}
