import { badRequest } from './errors.ts';
import { goQuote } from './go-text.ts';
import { lexLabelSelector, type Token } from './label-selector-lexer.ts';
import { checkLabelValue, checkQualifiedName } from './names.ts';
import type { LabelSelector as LabelSelectorObject } from './types.ts';
import { invalidValue, renderFieldErrors } from './validation.ts';

export type Labels = Readonly<Record<string, string>> | undefined;

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | '>' | '<';

/** One condition on one label. Values are sorted and unique. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** Chooses objects by their labels. `matches` is made to be called for every object of a list or watch. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** True if every object matches. */
  readonly isEmpty: boolean;
  matches(labels: Labels): boolean;
  /** The selector as text that parses back to it. */
  toString(): string;
}

/** Matches every object. */
export const EVERYTHING: LabelSelector = selectorOf([]);

/** Matches no object: what an absent LabelSelector means. */
export const NOTHING: LabelSelector = {
  requirements: [],
  isEmpty: false,
  matches: () => false,
  toString: () => '',
};

function selectorOf(unsorted: readonly LabelRequirement[]): LabelSelector {
  const requirements = [...unsorted].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
  const tests = requirements.map(compile);
  return {
    requirements,
    isEmpty: requirements.length === 0,
    matches(labels = NO_LABELS) {
      for (const test of tests) if (!test(labels)) return false;
      return true;
    },
    toString: () => requirements.map(requirementText).join(','),
  };
}

const NO_LABELS: Readonly<Record<string, string>> = {};

type Test = (labels: Readonly<Record<string, string>>) => boolean;

function compile({ key, operator, values }: LabelRequirement): Test {
  const [only = ''] = values;
  const lookUp = (labels: Readonly<Record<string, string>>) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  switch (operator) {
    case '=':
    case '==':
      return (labels) => lookUp(labels) === only;
    case '!=':
      return (labels) => lookUp(labels) !== only;
    case 'in': {
      const set = new Set<string | undefined>(values);
      return (labels) => set.has(lookUp(labels));
    }
    case 'notin': {
      const set = new Set<string | undefined>(values);
      return (labels) => !set.has(lookUp(labels));
    }
    case 'exists':
      return (labels) => Object.hasOwn(labels, key);
    case '!':
      return (labels) => !Object.hasOwn(labels, key);
    case '>':
    case '<': {
      const limit = parseInteger(only) ?? 0n;
      return (labels) => {
        const value = parseInteger(lookUp(labels) ?? '');
        if (value === undefined) return false;
        return operator === '>' ? value > limit : value < limit;
      };
    }
  }
}

function parseInteger(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  if (operator === 'exists') return key;
  if (operator === '!') return `!${key}`;
  if (operator === 'in' || operator === 'notin') return `${key} ${operator} (${values.join(',')})`;
  return `${key}${operator}${values.join(',')}`;
}

/** Builds one requirement, or throws an Error that says what is wrong with it. */
function requirement(key: string, operator: LabelOperator, given: readonly string[]): LabelRequirement {
  const values = [...new Set(given)].sort();
  const errors = checkQualifiedName(key).length === 0 ? [] : [keyError('key', key)];
  if ((operator === 'in' || operator === 'notin') && values.length === 0) {
    errors.push(invalidValue('values', values, "for 'in', 'notin' operators, values set can't be empty"));
  }
  if ((operator === '>' || operator === '<') && parseInteger(values[0] ?? '') === undefined) {
    errors.push(invalidValue('values[0]', values[0], "for 'Gt', 'Lt' operators, the value must be an integer"));
  }
  for (const [index, value] of values.entries()) {
    const messages = checkLabelValue(value);
    if (messages.length > 0) errors.push(invalidValue(`values[${index}][${key}]`, value, messages.join('; ')));
  }
  if (errors.length > 0) throw new Error(renderFieldErrors(errors));
  return { key, operator, values };
}

const keyError = (field: string, key: string) => invalidValue(field, key, checkQualifiedName(key).join('; '));

/** Parses `a=b,c in (d,e),!f`. Throws a BadRequest with upstream's words. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.trim() === '') return EVERYTHING;
  return new Parser(lexLabelSelector(text)).parse();
}

const OPERATORS: Readonly<Record<string, LabelOperator>> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  in: 'in',
  notin: 'notin',
  '>': '>',
  '<': '<',
};

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): LabelSelector {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const start = this.#peek();
      if (start.kind === 'end') return selectorOf(requirements);
      if (!startsRequirement(start)) {
        throw badRequest(`found '${start.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return selectorOf(requirements);
      if (next.text !== ',') throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
      if (!startsRequirement(this.#peek())) {
        throw badRequest(`found '${this.#peek().text}', expected: identifier after ','`);
      }
    }
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { kind: 'end', text: '' };
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }

  #requirement(): LabelRequirement {
    try {
      return this.#parseRequirement();
    } catch (error) {
      throw badRequest(`unable to parse requirement: ${(error as Error).message}`, error);
    }
  }

  #parseRequirement(): LabelRequirement {
    let key = this.#take();
    const isNegated = key.text === '!' && key.kind === 'symbol';
    if (isNegated) key = this.#take();
    if (key.kind !== 'word') throw new Error(`found '${key.text}', expected: identifier`);
    if (checkQualifiedName(key.text).length > 0) throw new Error(renderFieldErrors([keyError('', key.text)]));
    const next = this.#peek();
    if (isNegated) return requirement(key.text, '!', []);
    if (next.kind === 'end' || next.text === ',') return requirement(key.text, 'exists', []);
    const token = this.#take();
    const operator = Object.hasOwn(OPERATORS, token.text) ? OPERATORS[token.text] : undefined;
    if (operator === undefined) {
      throw new Error(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    const isSet = operator === 'in' || operator === 'notin';
    return requirement(key.text, operator, isSet ? this.#values() : [this.#value()]);
  }

  #value(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return '';
    this.#position++;
    if (next.kind !== 'word') throw new Error(`found '${next.text}', expected: identifier`);
    return next.text;
  }

  /** The list in parentheses. An omitted value, as in `(a,)` or `()`, is the empty string. */
  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw new Error(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.text === ')') {
      this.#position++;
      return [''];
    }
    if (first.kind !== 'word' && first.text !== ',') {
      throw new Error(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      const next = this.#peek();
      if (token.kind === 'word') {
        values.push(token.text);
        if (next.text !== ',' && next.text !== ')') throw new Error(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.text === ',') {
        if (values.length === 0 || next.text === ')' || next.text === ',') values.push('');
      } else {
        throw new Error(`found '${token.text}', expected: ',', or identifier`);
      }
      if (next.text === ')') {
        this.#position++;
        return values;
      }
    }
  }
}

const startsRequirement = ({ kind, text }: Token) => kind === 'word' || (kind === 'symbol' && text === '!');

const OBJECT_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** A LabelSelector object as a matcher: absent matches nothing, empty everything. Throws an Error if it is invalid. */
export function labelSelectorOf(selector: LabelSelectorObject | null | undefined): LabelSelector {
  if (selector === undefined || selector === null) return NOTHING;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, '=', [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = Object.hasOwn(OBJECT_OPERATORS, operator) ? OBJECT_OPERATORS[operator] : undefined;
    if (known === undefined) throw new Error(`${goQuote(operator)} is not a valid label selector operator`);
    requirements.push(requirement(key, known, values ?? []));
  }
  return selectorOf(requirements);
}

/** A map of labels, as in a Service's `spec.selector`, as a matcher. It is taken as valid. */
export function labelSelectorFromMap(labels: Labels): LabelSelector {
  return selectorOf(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })));
}
