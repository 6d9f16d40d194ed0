/** Sets each default whose field is absent; `null` and empty text count as absent. Modifies `object`. */
export function fill<T extends object>(object: T, defaults: Partial<T>): void {
  for (const key in defaults) {
    const value: unknown = object[key];
    if (value === undefined || value === null || value === '') object[key] = defaults[key] as T[typeof key];
  }
}

/** As `fill`, for fields that Go holds by value: zero counts as absent too. Modifies `object`. */
export function fillZero<T extends object>(object: T, defaults: Partial<T>): void {
  for (const key in defaults) {
    const value: unknown = object[key];
    if (value === undefined || value === null || value === '' || value === 0)
      object[key] = defaults[key] as T[typeof key];
  }
}
