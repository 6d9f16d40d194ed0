/** Upper bounds of the latency histogram, in seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Labels = Readonly<Record<string, string>>;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** A value that is read when somebody asks for the metrics. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly type?: 'gauge' | 'counter';
  read(): Iterable<{ readonly labels: Labels; readonly value: number }>;
}

/** Counts requests and prints everything as Prometheus text. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #gauges: Gauge[] = [];

  addGauge(gauge: Gauge): void {
    this.#gauges.push(gauge);
  }

  /** One finished request. Streams count, but their duration says nothing. */
  observe(labels: Labels & { readonly code: string }, seconds: number | undefined): void {
    const { code, ...rest } = labels;
    const name = render(rest);
    const key = `${name},${render({ code })}`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    if (seconds === undefined) return;
    const histogram = this.#durations.get(name) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    this.#durations.set(name, histogram);
    for (let i = BUCKETS.length - 1; i >= 0 && seconds <= (BUCKETS[i] ?? 0); i--) {
      histogram.counts[i] = (histogram.counts[i] ?? 0) + 1;
    }
    histogram.sum += seconds;
    histogram.count++;
  }

  /** Prometheus text. */
  render(): string {
    const lines = [
      ...head('apiserver_request_total', 'counter', 'Requests by verb, resource and HTTP status.'),
      ...[...this.#requests].map(([labels, value]) => `apiserver_request_total{${labels}} ${value}`),
      ...head('apiserver_request_duration_seconds', 'histogram', 'Time from request to answer, streams left out.'),
      ...[...this.#durations].flatMap(([labels, histogram]) => histogramLines(labels, histogram)),
    ];
    for (const { name, help, type = 'gauge', read } of this.#gauges) {
      lines.push(...head(name, type, help));
      for (const { labels, value } of read()) {
        const text = render(labels);
        lines.push(`${name}${text === '' ? '' : `{${text}}`} ${value}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function histogramLines(labels: string, { counts, sum, count }: Histogram): string[] {
  const name = 'apiserver_request_duration_seconds';
  return [
    ...BUCKETS.map((bound, index) => `${name}_bucket{${labels},le="${bound}"} ${counts[index] ?? 0}`),
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

function render(labels: Labels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`;
  return text;
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
