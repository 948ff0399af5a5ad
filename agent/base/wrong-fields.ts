// What a schema has found wrong, in words for whoever wrote the value: zod's own are for programmers.
import type * as z from 'zod';

export interface WrongField {
  readonly field: string;
  readonly problem: string;
}

/** Names of types in JSON. */
const JSON_WORDS: Readonly<Record<string, string>> = { int: 'whole number', record: 'object', array: 'list' };
/** What is longer says nothing more. */
const SHOWN = 40;
/** Nobody corrects more at once, and an answer must not grow with what was sent. */
export const MOST_PROBLEMS = 20;
/** Characters of a field's path, and of a problem. */
const MOST_FIELD = 200;
const MOST_PROBLEM = 400;

/** The first of what is wrong. */
export interface Problems {
  /** MOST_PROBLEMS at most. */
  readonly fields: readonly WrongField[];
  /** How many there are. */
  readonly count: number;
}

/**
 * The first wrong fields, each once, with what it is where that helps. `whole` names the input itself. Values that may
 * be secrets are not repeated.
 */
export function wrongFields(error: z.ZodError, input: unknown, whole: string): Problems {
  const found = new Map<string, WrongField>();
  let more = 0;
  for (const { path, issue } of error.issues.flatMap((one) => meantBy(one))) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
    for (const key of keys) {
      if (found.size >= MOST_PROBLEMS) {
        more++;
        continue;
      }
      const parts = key === undefined ? path : [...path, key];
      const field = fieldOf(parts) || whole;
      const value = valueAt(input, parts);
      const isOfValue = issue.code !== 'unrecognized_keys' && issue.code !== 'invalid_key';
      const got = isOfValue ? shown(value, parts) : '';
      const problem = cut(`${problemOf(issue, value)}${got}`, MOST_PROBLEM);
      if (!found.has(field)) found.set(field, { field, problem });
    }
  }
  return { fields: [...found.values()], count: found.size + more };
}

/** `a.b.0`; a path of a stranger's own words is cut. */
export function fieldOf(path: readonly PropertyKey[]): string {
  return cut(path.map(String).join('.'), MOST_FIELD);
}

/** `FIELD: PROBLEM`, one after the other, and how many more there are. */
export function sentenceOf({ fields, count }: Problems): string {
  const told = fields.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
  return count > fields.length ? `${told}; and ${count - fields.length} more` : told;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** Of one issue, the value left out. `words`: names of types where the value was written. */
export function problemOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  words: Readonly<Record<string, string>> = JSON_WORDS,
): string {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is missing' : `must be ${typeText(issue.expected, words)}`;
    case 'invalid_union': {
      if (issue.message !== 'Invalid input') return issue.message;
      const types = issue.errors.flatMap((shape) => shape.filter(isOtherShape));
      return `must be ${[...new Set(types.map((one) => typeText(one.expected, words)))].join(' or ')}`;
    }
    case 'invalid_value':
      return `must be one of ${issue.values.map((one) => JSON.stringify(one)).join(', ')}`;
    case 'too_small':
      return `must ${bound(issue, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${bound(issue, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'invalid_format':
      return issue.message.startsWith('Invalid') ? `must match ${issue.pattern ?? issue.format}` : issue.message;
    case 'unrecognized_keys':
      return 'is not known here';
    case 'invalid_key':
      return `as a name: ${issue.issues[0]?.message ?? issue.message}`;
    default:
      return issue.message;
  }
}

function typeText(expected: string, words: Readonly<Record<string, string>>): string {
  const type = words[expected] ?? expected;
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

/** A number is so much; of a text or a list it is the length. */
function bound({ origin }: { readonly origin: string }, than: string, amount: number | bigint): string {
  const one = amount === 1 || amount === 1n;
  if (origin === 'string') return `have ${than} ${amount} ${one ? 'character' : 'characters'}`;
  if (origin === 'array') return `have ${than} ${amount} ${one ? 'entry' : 'entries'}`;
  return `be ${than} ${amount}`;
}

interface Meant {
  readonly path: readonly PropertyKey[];
  readonly issue: z.core.$ZodIssue;
}

/** Of a value that may have several shapes, what is wrong with the one that was meant: the one that got furthest. */
function meantBy(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Meant[] {
  const path = [...above, ...issue.path];
  const meant = issue.code === 'invalid_union' ? issue.errors.find((shape) => !shape.some(isOtherShape)) : undefined;
  return meant === undefined ? [{ path, issue }] : meant.flatMap((inner) => meantBy(inner, path));
}

function isOtherShape(issue: z.core.$ZodIssue): issue is z.core.$ZodIssueInvalidType {
  return issue.code === 'invalid_type' && issue.path.length === 0;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | null | undefined)?.[part], input);
}

/** A part of a path below which values are secrets, or where somebody puts one: a token instead of its file, a password in a command. */
const HOLDS_SECRETS = /^(?:env|content|contentBase64|url|command|append|\w+_file)$/;
/** A URL or an address with a password or a token in it, wherever it was written. */
const URL_WITH_SECRET = /:.*@|:\/\/.*\?/s;

/** ` (it is VALUE)`, empty where that does not help, and where the value may be a secret. */
export function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (value === undefined || typeof value === 'object') return '';
  if (path.some((part) => HOLDS_SECRETS.test(String(part))) || URL_WITH_SECRET.test(String(value))) return '';
  const text = JSON.stringify(value);
  return text.length > SHOWN ? '' : ` (it is ${text})`;
}
