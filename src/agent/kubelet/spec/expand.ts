/** Replaces `$(NAME)` by the value of a defined variable and leaves others as written; `$$` stands for one `$`. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? match;
  });
}
