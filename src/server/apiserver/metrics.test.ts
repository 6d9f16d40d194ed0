import { expect, test } from 'vitest';
import { Metrics } from './metrics.ts';

test('counts, measures and reads gauges', () => {
  const metrics = new Metrics();
  metrics.observe({ verb: 'GET', resource: 'pods', code: '200' }, 0.01);
  metrics.observe({ verb: 'GET', resource: 'pods', code: '404' }, 2);
  metrics.observe({ verb: 'WATCH', resource: 'a"b', code: '200' }, undefined);
  metrics.addGauge({ name: 'things', help: 'How many.', read: () => [{ labels: {}, value: 3 }] });
  const lines = metrics.render().split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'apiserver_request_total{verb="GET",resource="pods",code="200"} 1',
      'apiserver_request_total{verb="GET",resource="pods",code="404"} 1',
      'apiserver_request_total{verb="WATCH",resource="a\\"b",code="200"} 1',
      'apiserver_request_duration_seconds_bucket{verb="GET",resource="pods",le="0.005"} 0',
      'apiserver_request_duration_seconds_bucket{verb="GET",resource="pods",le="0.025"} 1',
      'apiserver_request_duration_seconds_bucket{verb="GET",resource="pods",le="2.5"} 2',
      'apiserver_request_duration_seconds_bucket{verb="GET",resource="pods",le="+Inf"} 2',
      'apiserver_request_duration_seconds_sum{verb="GET",resource="pods"} 2.01',
      '# TYPE things gauge',
      'things 3',
    ]),
  );
  expect(lines.some((line) => line.includes('WATCH') && line.includes('bucket'))).toBe(false);
});
