import { describe, expect, test } from 'vitest';
import { parseAmounts } from '#api/core/quota/pod-quantities.ts';
import { formatQuantity } from '#api/meta/quantity.ts';
import { BOOKING_MS, QuotaPage } from './quota-page.ts';

const amounts = (count: number) => parseAmounts({ pods: String(count) });
const booked = (page: QuotaPage, nowMs: number) =>
  Object.fromEntries([...page.booked(nowMs)].map(([name, amount]) => [name, formatQuantity(amount)]));

describe('bookings', () => {
  test('are what others have added, until they are old', () => {
    const page = new QuotaPage('1');
    page.wrote(amounts(2));
    page.observe(amounts(3), 1000);
    page.observe(amounts(5), 1500);
    expect(booked(page, 1600)).toEqual({ pods: '3' });
    expect(page.heldForMs(1600)).toBe(BOOKING_MS - 600);
    expect(booked(page, 1000 + BOOKING_MS)).toEqual({ pods: '2' });
    expect(booked(page, 1500 + BOOKING_MS)).toEqual({});
  });

  test('are all that is used when a quota is seen first', () => {
    const page = new QuotaPage('1');
    page.observe(amounts(4), 0);
    expect(booked(page, 1)).toEqual({ pods: '4' });
  });

  test('are not what the controller wrote itself, nor what went', () => {
    const page = new QuotaPage('1');
    page.wrote(amounts(4));
    page.observe(amounts(4), 0);
    page.observe(amounts(1), 0);
    expect(booked(page, 1)).toEqual({});
  });
});

describe('a count', () => {
  test('is due at first, and then when it is time', () => {
    const page = new QuotaPage('1');
    expect(page.dueInMs(10)).toBeLessThanOrEqual(0);
    page.begin(10, 5000);
    expect(page.dueInMs(10)).toBe(5000);
  });

  test('follows a change at once, but not without a pause', () => {
    const page = new QuotaPage('1');
    page.begin(1000, 60_000);
    page.mark(1010);
    expect(page.dueInMs(1010)).toBe(90);
    page.mark(9999);
    expect(page.dueInMs(1010)).toBe(90);
    page.begin(5000, 60_000);
    page.mark(9000);
    expect(page.dueInMs(9000)).toBe(0);
  });

  test('follows a booking that may have come to nothing', () => {
    const page = new QuotaPage('1');
    page.begin(0, 60_000);
    page.observe(amounts(1), 500);
    expect(page.dueInMs(500)).toBe(BOOKING_MS);
  });

  test('is repeated when it could not be written', () => {
    const page = new QuotaPage('1');
    page.begin(1000, 60_000);
    page.failed();
    expect(page.dueInMs(1001)).toBeLessThanOrEqual(0);
  });
});
