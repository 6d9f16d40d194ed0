/** Says what is wrong with the Node this program was started with, and the cure; nothing within the executable, which brings its own. */
export function nodeVersionProblem(version: string, wanted = 24): string | undefined {
  if (Number.parseInt(version, 10) >= wanted) return undefined;
  return `Node ${version} is too old, ${wanted} or newer is needed: start it with build/node, which is the right one`;
}
