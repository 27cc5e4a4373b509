import { describe, expect, it } from '@jest/globals';
import type { Stored } from './bus.js';
import { DEFENSES, STAGES, VICTIMS, toldOf, victimsOf } from './stages.js';

const event = (at: number, name: string, data: object = {}) => ({ name, data, at }) as unknown as Stored;
const state = (at: number, name: string) => event(at, 'defense.changed', { state: name });
/** Of one defense, ten milliseconds a stage. */
const EVENTS = [
  event(10, 'anomaly.raised'),
  event(20, 'attack.detected'),
  state(22, 'detected'),
  state(24, 'training'),
  event(26, 'training.progress', { epoch: 1 }),
  event(30, 'training.progress', { epoch: 2 }),
  state(40, 'evaluating'),
  event(50, 'evaluation.completed'),
  state(55, 'rolling-out'),
  event(60, 'deployment.progressed', { phase: 'analysing' }),
  state(70, 'verifying'),
  state(80, 'recovered'),
  event(80, 'defense.ended'),
];

describe('kills at the stages of a defense', () => {
  it('are of every victim at every stage, once over all defenses', () => {
    for (const stage of STAGES) {
      const all = Array.from({ length: DEFENSES }, (_, defense) => victimsOf(stage, defense)).flat();
      expect(all.toSorted()).toEqual(VICTIMS.toSorted());
    }
  });

  it('fall into their stage', () => {
    const kills = STAGES.map((stage, i) => ({ stage, victim: 'redis' as const, at: 10 * i + 3 }));
    expect(toldOf(kills, EVENTS).strayed).toEqual([]);
  });

  it('stray when they come before it, or after it', () => {
    for (const [i, stage] of STAGES.entries()) {
      const strayed = (at: number) => toldOf([{ stage, victim: 'nats', at }], EVENTS).strayed.length > 0;
      expect([strayed(10 * i - 1), strayed(10 * i + 10)]).toEqual([i > 0, i < STAGES.length - 1]);
    }
  });

  it('stray when the defense has gone on although the next stage has not begun', () => {
    const calibrating = STAGES.find(({ name }) => name === 'calibrating')!;
    expect(toldOf([{ stage: calibrating, victim: 'trainer', at: 57 }], EVENTS).strayed).toHaveLength(1);
  });
});
