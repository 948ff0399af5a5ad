// What a session with scopes is told is looked at once more on its way out, whatever made it: no name of another tenant, of
// its workloads and of its reservations leaves by a sentence that somebody has written into an error, an event or a condition.
// The answers themselves are cut by type (scoped.ts); this is for text, and for the fields that name somebody.

/** Whether a name belongs to a tenant that the session does not cover. Cheap: it is asked for each word. */
export type IsForeign = (name: string) => boolean;

/** Fields that hold a name and nothing else. */
const NAMING: ReadonlySet<string> = new Set(['holder', 'tenant', 'workload', 'scheduler', 'owner']);
/** What the session has written itself: it may use whatever words it likes, and is told them back. */
const ITS_OWN: ReadonlySet<string> = new Set(['spec', 'labels', 'asked']);
const HIDDEN = '(other)';
/** Words as ids and names of tenants are written. */
const WORD = /[a-z\d]+(?:-+[a-z\d]+)*/gi;

/**
 * `value` without foreign names. Words in `asked`, the request that it answers, stay: who writes a name learns nothing by its
 * coming back, and would learn that it is somebody's by its being hidden.
 */
export function veil<T>(value: T, isForeign: IsForeign, asked = ''): T {
  const known = new Set(asked.match(WORD));
  const hides = (word: string): boolean => !known.has(word) && isForeign(word);
  return veiled(value, '', hides) as T;
}

function veiled(value: unknown, key: string, hides: IsForeign): unknown {
  if (typeof value === 'string') return text(value, key, hides);
  if (Array.isArray(value)) return value.map((item) => veiled(item, key, hides));
  if (typeof value !== 'object' || value === null || ITS_OWN.has(key)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, veiled(part, name, hides)]));
}

/** A sentence has blanks; a word alone may be one of the protocol, and is a name only where a field says so. */
function text(value: string, key: string, hides: IsForeign): string {
  if (!value.includes(' ')) return NAMING.has(key) && hides(value) ? HIDDEN : value;
  return value.replace(WORD, (word) => (hides(word) ? HIDDEN : word));
}
