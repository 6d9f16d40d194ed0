/** A piece of a label selector. `word` is a key, a value or one of the operators that are spelled out. */
export interface Token {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const SYMBOLS = new Set(['(', ')', ',', '!', '=', '==', '!=', '>', '<']);
const TOKEN = /[ \t\r\n]*(?:([=!(),<>]+)|([^ \t\r\n=!(),<>]+))/y;

/** Splits the text of a label selector into tokens; never throws. */
export function lexLabelSelector(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  for (;;) {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (match === null) break;
    const [whole, symbols, word] = match;
    if (word !== undefined) {
      tokens.push({ kind: 'word', text: word });
      position += whole.length;
    } else {
      const run = symbols ?? '';
      const symbol = longestSymbol(run);
      tokens.push({ kind: 'symbol', text: symbol });
      position += whole.length - run.length + symbol.length;
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/** Every single character is a symbol, so there always is one. */
function longestSymbol(run: string): string {
  return SYMBOLS.has(run.slice(0, 2)) ? run.slice(0, 2) : run.slice(0, 1);
}
