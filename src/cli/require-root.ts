/** A node makes links, rules and mounts; `otherwise` is what else to do about it than to become root. */
export function requireRoot(otherwise?: string): void {
  if (process.getuid?.() === 0) return;
  const alternative = otherwise === undefined ? '' : `, ${otherwise}`;
  throw new Error(`Running pods needs root: put sudo in front${alternative}`);
}
