import { describe, expect, it } from '@jest/globals';
import {
  EVENTS,
  EVENT_NAMES,
  InvalidInputError,
  STREAMS,
  cloudEvent,
  intakeLabels,
  intakeSamples,
  parseEvent,
  parsePolicy,
  subjectFor,
  subjectsFor,
} from './index.js';

const origin = { id: 'e1', source: '/test', time: '2026-01-01T00:00:00Z', namespace: 'ml', model: 'fraud' };
const closed = {
  namespace: 'ml',
  model: 'fraud',
  revision: 'r1',
  anomalyId: 'a1',
  closedAt: origin.time,
  reason: 'quiet',
  verdict: null,
} as const;

/** Does a NATS subject filter cover a subject? */
const covers = (filter: string, subject: string) => {
  const [f, s] = [filter.split('.'), subject.split('.')];
  return f.at(-1) === '>' ? s.length >= f.length && f.slice(0, -1).every((t, i) => t === s[i]) : filter === subject;
};

describe('events', () => {
  it.each(EVENT_NAMES)('%s is kept by exactly its own stream', (name) => {
    for (const subject of subjectsFor(name, origin)) {
      expect(STREAMS.filter((s) => s.subjects.some((f) => covers(f, subject))).map((s) => s.name)).toEqual([
        EVENTS[name].stream,
      ]);
    }
  });

  it('round-trips', () => {
    const event = cloudEvent('anomaly.closed', origin, closed);
    expect(event.type).toBe('dev.antibody.anomaly.closed.v1');
    expect(parseEvent('anomaly.closed', JSON.parse(JSON.stringify(event)))).toEqual(event);
    expect(subjectFor('anomaly.closed', origin)).toBe('anomaly.closed.ml.fraud');
  });

  it('names the field that is wrong', () => {
    const event = cloudEvent('anomaly.closed', origin, closed);
    expect(() => parseEvent('anomaly.closed', { ...event, data: { ...closed, revision: 'R 1' } })).toThrow(
      /field "revision"/,
    );
    expect(() => parseEvent('anomaly.closed', { ...event, data: { ...closed, anomalyId: undefined } })).toThrow(
      /field "anomalyId"/,
    );
    expect(() => parseEvent('anomaly.closed', { ...event, type: 'x' })).toThrow(/field "type"/);
    expect(() => parseEvent('anomaly.closed', null)).toThrow(InvalidInputError);
  });

  it('ignores fields that a newer version added', () => {
    const event = cloudEvent('anomaly.closed', origin, closed);
    expect(() =>
      parseEvent('anomaly.closed', { ...event, data: { ...closed, added: 1 }, extension: 'x' }),
    ).not.toThrow();
  });
});

describe('intake from anybody', () => {
  it('takes a bare model name and correct', () => {
    expect(intakeSamples({ model: 'mnist', correct: true })).toEqual({
      valid: [{ model: 'mnist', correct: true }],
      invalid: [],
    });
  });
  it.each([
    ['an array', [{ model: 'm', correct: false }]],
    ['a batch', { samples: [{ model: 'm', correct: false }] }],
    [
      'a CloudEvent',
      { specversion: '1.0', id: '1', source: 's', type: 't', data: { samples: [{ model: 'm', correct: false }] } },
    ],
  ])('takes %s', (_, input) => {
    expect(intakeSamples(input).valid).toEqual([{ model: 'm', correct: false }]);
  });
  it('keeps the valid rest of a batch and says what is wrong with the others', () => {
    const { valid, invalid } = intakeSamples([
      { model: 'm', correct: true },
      { correct: true },
      { model: 'm', signals: { error: 2 } },
      7,
    ]);
    expect(valid).toHaveLength(1);
    expect(invalid.map((i) => i.index)).toEqual([1, 2, 3]);
    expect(invalid[0]!.reason).toContain('field "model" is missing');
    expect(invalid[1]!.reason).toContain('signals.error');
  });
  it('refuses a batch that is too large, whole', () => {
    expect(() => intakeLabels(Array.from({ length: 5001 }, () => ({ model: 'm', id: '1', label: 1 })))).toThrow(
      /at most 5000/,
    );
  });
});

describe('policy', () => {
  const policy = (spec: object) => ({
    apiVersion: 'antibody.dev/v1alpha1',
    kind: 'RobustnessPolicy',
    metadata: { name: 'mnist', namespace: 'demo' },
    spec: {
      target: { model: 'mnist', revision: 'r1', endpoint: 'http://127.0.0.1:8080' },
      artifact: { uri: 'file:///models/mnist.onnx' },
      trustedDataset: { uri: 'file:///data/digits.npz' },
      inputs: { dims: [1, 28, 28], classes: 10, range: [0, 1] },
      threatModel: { norm: 'linf', epsilon: 0.3, steps: 40, restarts: 10 },
      gates: { minimumRobustAccuracy: 0.7, maximumCleanLoss: 0.02 },
      ...spec,
    },
  });

  it('fills the defaults in, deep', () => {
    const { spec } = parsePolicy(policy({ detection: { budget: 500 } }));
    expect(spec.detection).toMatchObject({ budget: 500, onUndetermined: 'ask', requestId: 'ce-id' });
    expect(spec.rollout.steps).toEqual([10, 50, 100]);
    const dataset = parsePolicy(policy({ trustedDataset: { uri: 'file:///d', shares: { training: 0.5 } } })).spec;
    expect(dataset.trustedDataset?.shares).toMatchObject({ training: 0.5, validation: 0.05, certificate: 0.08 });
  });
  it.each([
    ['spec.rollout.steps', { rollout: { steps: [50, 10, 100] } }],
    ['spec.rollout.steps', { rollout: { steps: [10, 50] } }],
    ['spec.threatModel.epsilon', { threatModel: { norm: 'linf', epsilon: 1.5, steps: 9, restarts: 2 } }],
    ['spec.threatModel.restarts', { threatModel: { norm: 'linf', epsilon: 0.3, steps: 9, restarts: 1 } }],
    ['spec.threatModel.steps', { threatModel: { norm: 'linf', epsilon: 0.3, steps: 2, restarts: 2 } }],
    ['spec.threatModel.steps', { training: { recipe: { attackSteps: 41 } } }],
    ['spec.training.recipe.attackSteps', { training: { recipe: { name: 'fgsm-rs' } } }],
    ['spec.trustedDataset.shares', { trustedDataset: { uri: 'file:///d', shares: { training: 0.8 } } }],
    ['spec.inputs', { inputs: null }],
    ['spec.trustedDataset', { trustedDataset: null }],
    ['spec.detection.budjet', { detection: { budjet: 1 } }],
    ['spec.detection.onUndetermined', { detection: { onUndetermined: 'panic' } }],
    ['spec.gates.minimumRobustAccuracy', { gates: { maximumCleanLoss: 0 } }],
  ])('names %s', (field, spec) => {
    expect(() => parsePolicy(policy(spec))).toThrow(new RegExp(`field "${field.replaceAll('.', '\\.')}"`));
  });
});
