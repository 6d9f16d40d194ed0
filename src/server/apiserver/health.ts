export interface HealthCheck {
  readonly name: string;
  /** Undefined when all is well, else what is wrong; the latter is only logged, never shown. */
  check(): string | undefined;
}

export interface HealthReport {
  readonly code: number;
  readonly text: string;
  /** What failed, with the reasons. */
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}

export interface HealthRequest {
  /** `healthz`, `livez` or `readyz`. */
  readonly endpoint: string;
  /** One check alone, from the path. */
  readonly only: string | undefined;
  readonly query: URLSearchParams;
}

/** Answers a health endpoint. Undefined: there is no check of that name. */
export function reportHealth(checks: readonly HealthCheck[], request: HealthRequest): HealthReport | undefined {
  const { endpoint, only, query } = request;
  const excluded = new Set(query.getAll('exclude'));
  const asked = only === undefined ? checks : checks.filter(({ name }) => name === only);
  if (asked.length === 0 && only !== undefined) return undefined;
  const lines: string[] = [];
  const failures: { name: string; reason: string }[] = [];
  for (const { name, check } of asked) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const reason = check();
    if (reason === undefined) {
      lines.push(`[+]${name} ok`);
    } else {
      lines.push(`[-]${name} failed: reason withheld`);
      failures.push({ name, reason });
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => `"${name}"`).join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (failures.length > 0) return { code: 500, text: `${lines.join('\n')}\n${endpoint} check failed\n`, failures };
  const isVerbose = query.has('verbose');
  return { code: 200, text: isVerbose ? `${lines.join('\n')}\n${endpoint} check passed\n` : 'ok', failures };
}
