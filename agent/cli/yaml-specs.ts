// Specifications in YAML: the core schema, each key once, no tags, few aliases. A hostile file costs no more than a large one.
import { LineCounter, parseAllDocuments, stringify } from 'yaml';
import { LOST_NAME, lostMember } from '../base/lost-name.js';

/** A file of YAML takes many times its size in memory, and a second for each of a few MiB. */
export const MOST_YAML = 4 << 20;
/** Uses of anchors, those inside of what is used counted as well. */
const MOST_ALIASES = 100;
/** As the protocol takes it. */
const MOST_DEPTH = 32;

/** `position`: LINE:COLUMN; empty: of the whole. */
export class YamlError extends Error {
  readonly position: string;

  constructor(position: string, problem: string) {
    super(problem);
    this.position = position;
  }
}

/** The documents, without empty ones. Throws YamlError. */
export function parseYaml(text: string): unknown[] {
  if (Buffer.byteLength(text) > MOST_YAML)
    throw new YamlError('', `has more than ${MOST_YAML >> 20} MiB of YAML, the most that is read`);
  try {
    return documentsOf(text);
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) throw new YamlError('', `nests deeper than ${MOST_DEPTH} levels`);
    if (error instanceof ReferenceError) throw new YamlError('', aliasProblem(error));
    throw error;
  }
}

function documentsOf(text: string): unknown[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    ...{
      version: '1.2',
      schema: 'core',
      uniqueKeys: true,
      stringKeys: true,
      resolveKnownTags: false,
      prettyErrors: false,
      lineCounter: lines,
    },
  });
  // Without a document it is an object that says so.
  return (Array.isArray(documents) ? documents : []).flatMap((document) => {
    // A warning is of a tag that nobody knows: its value would be another one than was meant.
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong !== undefined) {
      const { line, col } = lines.linePos(wrong.pos[0]);
      throw new YamlError(`${line}:${col}`, problemOf(wrong.code, wrong.message));
    }
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    if (isDeeper(value, MOST_DEPTH)) throw new YamlError('', `nests deeper than ${MOST_DEPTH} levels`);
    if (lostMember(value) !== undefined) throw new YamlError('', `${JSON.stringify(LOST_NAME)} cannot be a name`);
    return value === null || value === undefined ? [] : [value];
  });
}

/** The parser throws these where it makes the values. */
function aliasProblem({ message }: ReferenceError): string {
  const tooMany = message.startsWith('Excessive alias count');
  return tooMany ? `uses aliases more than ${MOST_ALIASES} times` : 'not valid YAML: an alias has no anchor before it';
}

/** Without what was written there: it may be a password that lacks its quotes. */
function problemOf(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'duplicate key: the same object has it already';
  if (code === 'TAG_RESOLVE_FAILED') return 'not valid YAML: a tag is not known here';
  return `not valid YAML: ${message.replace(/[:;]? ?["'`].*$/s, '').replace(/: .*$/s, '')}`;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** Read back by `parseYaml`, it is the same. */
export function toYaml(spec: object): string {
  return stringify(spec, { version: '1.2', schema: 'core', lineWidth: 0, aliasDuplicateObjects: false });
}
