import { describe, expect, test } from 'vitest';
import { EventCorrelator } from './event-correlator.ts';

const reference = { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1' };
const report = (message: string, now = 0) => ({ reference, type: 'Warning', reason: 'BackOff', message, now });

describe('EventCorrelator', () => {
  test('counts the same report as one series', () => {
    const correlator = new EventCorrelator();
    const first = correlator.observe(report('again', 1000));
    const second = correlator.observe(report('again', 5000));
    expect(second?.series).toBe(first?.series);
    expect(second?.series).toMatchObject({ count: 2, firstMs: 1000 });
    expect(second?.lastMs).toBe(5000);
  });

  test('keeps parts of one object apart', () => {
    const correlator = new EventCorrelator();
    const a = correlator.observe({ ...report('Pulled'), reference: { ...reference, fieldPath: 'spec.containers{a}' } });
    const b = correlator.observe({ ...report('Pulled'), reference: { ...reference, fieldPath: 'spec.containers{b}' } });
    expect(b?.series).not.toBe(a?.series);
  });

  test('merges reports that differ in their message only', () => {
    const correlator = new EventCorrelator();
    const messages = Array.from({ length: 12 }, (_, i) => correlator.observe(report(`failure ${i}`))?.message);
    expect(messages[9]).toBe('failure 9');
    expect(messages.slice(10)).toEqual([
      '(combined from similar events): failure 10',
      '(combined from similar events): failure 11',
    ]);
  });

  test('stops merging after ten quiet minutes', () => {
    const correlator = new EventCorrelator();
    for (let i = 0; i < 12; i++) correlator.observe(report(`failure ${i}`));
    expect(correlator.observe(report('failure x', 600_001))?.message).toBe('failure x');
  });

  test('drops what one object reports beyond its burst, and takes one more every five minutes', () => {
    const correlator = new EventCorrelator();
    const accepted = Array.from({ length: 30 }, () => correlator.observe(report('again'))).filter(
      (o) => o !== undefined,
    );
    expect(accepted).toHaveLength(25);
    expect(correlator.observe(report('again', 300_000))).toBeDefined();
    expect(correlator.observe(report('again', 300_001))).toBeUndefined();
    expect(correlator.observe({ ...report('again'), reference: { ...reference, uid: 'u2' } })).toBeDefined();
  });
});
