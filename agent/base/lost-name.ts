// A member with the name `__proto__`: schemas leave it out, and to assign it changes something else. What a person or a peer says
// with it would be lost in silence.

export const LOST_NAME = '__proto__';

/** Where in a parsed document the first one is; undefined: nowhere. */
export function lostMember(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (key === LOST_NAME) return [key];
    const below = lostMember(inner);
    if (below !== undefined) return [key, ...below];
  }
  return undefined;
}
