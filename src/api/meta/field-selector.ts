import { badRequest } from './errors.ts';

/** One condition on one field. */
export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Chooses objects by fields. What a field's value is, the resource's getter says. */
export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  /** True if every object matches. */
  readonly isEmpty: boolean;
  /** `get` gives a field's value as text; absent counts as empty. */
  matches(get: (field: string) => string | undefined): boolean;
  /** The value an object must have in this field to match, if the selector says so. */
  exactValue(field: string): string | undefined;
  /** The selector as text that parses back to it. */
  toString(): string;
}

/** Matches every object. */
export const EVERY_FIELD: FieldSelector = fieldSelectorOf([]);

/** A selector of the given conditions, all of which must hold. */
export function fieldSelectorOf(requirements: readonly FieldRequirement[]): FieldSelector {
  return {
    requirements,
    isEmpty: requirements.length === 0,
    matches(get) {
      for (const { field, operator, value } of requirements) {
        if (((get(field) ?? '') === value) !== (operator === '=')) return false;
      }
      return true;
    },
    exactValue: (wanted) => requirements.find(({ field, operator }) => field === wanted && operator === '=')?.value,
    toString: () =>
      requirements.map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`).join(','),
  };
}

/** Parses `spec.nodeName=a,status.phase!=Failed`. Throws a BadRequest with upstream's words. */
export function parseFieldSelector(text: string): FieldSelector {
  const terms = splitTerms(text).filter((term) => term !== '');
  const requirements = terms.sort().map((term) => parseTerm(text, term));
  // A bare operator says nothing.
  const meant = requirements.filter(({ field, value }) => field !== '' || value !== '');
  return meant.length === 0 ? EVERY_FIELD : fieldSelectorOf(meant);
}

/** Splits at commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(selector: string, term: string): FieldRequirement {
  const match = /!=|==?/.exec(term);
  if (match === null) throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
  const [operator] = match;
  return {
    field: term.slice(0, match.index),
    operator: operator === '!=' ? '!=' : '=',
    value: unescapeFieldValue(term.slice(match.index + operator.length)),
  };
}

/** Escapes a value so that it survives in a field selector. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function unescapeFieldValue(text: string): string {
  return text.replace(/\\(.?)|[,=]/gsu, (sequence, escaped: string | undefined) => {
    if (escaped === undefined) {
      throw badRequest(`invalid field selector: unescaped character in value: ${sequence.charCodeAt(0)}`);
    }
    if (escaped === '' || !'\\,='.includes(escaped)) {
      throw badRequest(`invalid field selector: invalid escape sequence: ${sequence}`);
    }
    return escaped;
  });
}
