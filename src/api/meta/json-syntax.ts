import { goQuote } from './go-text.ts';

/** Where the text stops being JSON. Carries the message up from wherever the scanner stands. */
class Unexpected extends Error {}

/** Says in Go's words what is wrong with text that is no JSON. */
export function describeSyntaxError(text: string): string {
  try {
    new Scanner(text).scan();
    return 'invalid JSON';
  } catch (error) {
    if (error instanceof Unexpected) return error.message;
    throw error;
  }
}

const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };
const isDigit = (char: string) => char >= '0' && char <= '9';

/** A recursive descent over JSON text that keeps nothing and stops at the first error. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): void {
    this.#value();
    this.#skipSpace();
    if (this.#position < this.#text.length) this.#fail('after top-level value');
  }

  get #char(): string {
    return this.#text.charAt(this.#position);
  }

  #fail(context: string): never {
    if (this.#position >= this.#text.length) throw new Unexpected('unexpected end of JSON input');
    throw new Unexpected(`invalid character ${quoteCharacter(this.#text, this.#position)} ${context}`);
  }

  #skipSpace(): void {
    while (this.#char !== '' && ' \t\r\n'.includes(this.#char)) this.#position++;
  }

  #value(): void {
    this.#skipSpace();
    const char = this.#char;
    if (char === '{') return this.#object();
    if (char === '[') return this.#array();
    if (char === '"') return this.#string();
    if (char === '-' || isDigit(char)) return this.#number();
    const literal = LITERALS[char];
    if (literal === undefined) this.#fail('looking for beginning of value');
    for (const [index, expected] of [...literal].entries()) {
      if (this.#char !== expected) this.#fail(`in literal ${literal} (expecting '${literal[index]}')`);
      this.#position++;
    }
  }

  #object(): void {
    this.#position++;
    this.#skipSpace();
    if (this.#take('}')) return;
    for (;;) {
      this.#skipSpace();
      if (this.#char !== '"') this.#fail('looking for beginning of object key string');
      this.#string();
      this.#skipSpace();
      if (!this.#take(':')) this.#fail('after object key');
      this.#value();
      this.#skipSpace();
      if (this.#take('}')) return;
      if (!this.#take(',')) this.#fail('after object key:value pair');
    }
  }

  #array(): void {
    this.#position++;
    this.#skipSpace();
    if (this.#take(']')) return;
    for (;;) {
      this.#value();
      this.#skipSpace();
      if (this.#take(']')) return;
      if (!this.#take(',')) this.#fail('after array element');
    }
  }

  #take(char: string): boolean {
    if (this.#char !== char) return false;
    this.#position++;
    return true;
  }

  #string(): void {
    this.#position++;
    while (!this.#take('"')) {
      const char = this.#char;
      if (char < ' ') this.#fail('in string literal');
      this.#position++;
      if (char === '\\') this.#escape();
    }
  }

  #escape(): void {
    if (this.#take('u')) {
      for (let i = 0; i < 4; i++) {
        if (!/^[0-9a-fA-F]$/.test(this.#char)) this.#fail('in \\u hexadecimal character escape');
        this.#position++;
      }
    } else if (this.#char === '' || !'bfnrt\\/"'.includes(this.#char)) this.#fail('in string escape code');
    else this.#position++;
  }

  #number(): void {
    this.#take('-');
    if (!this.#take('0')) this.#digits('in numeric literal');
    if (this.#take('.')) this.#digits('after decimal point in numeric literal');
    if (this.#take('e') || this.#take('E')) {
      if (!this.#take('+')) this.#take('-');
      this.#digits('in exponent of numeric literal');
    }
  }

  #digits(context: string): void {
    if (!isDigit(this.#char)) this.#fail(context);
    while (isDigit(this.#char)) this.#position++;
  }
}

function quoteCharacter(text: string, position: number): string {
  const char = String.fromCodePoint(text.codePointAt(position) ?? 0);
  if (char === "'") return "'\\''";
  return char === '"' ? "'\"'" : `'${goQuote(char).slice(1, -1)}'`;
}
