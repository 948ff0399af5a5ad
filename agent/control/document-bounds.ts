// The bounds of a JSON Schema, for people.

type Json = Readonly<Record<string, unknown>>;

/** Of one value: `at most 64 entries`. */
export function boundOf({ maxItems, maxProperties, maxLength }: Json): string[] {
  return [
    ...[maxItems, maxProperties].filter((most) => most !== undefined).map((most) => `at most ${most} entries`),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
  ];
}

/** Of every field below, as `[field, bound]`; `[]` stands for an entry of a list, `*` for one of a map. */
export function boundsOf(schema: Json, path = ''): [field: string, bound: string][] {
  const own = path === '' ? [] : boundOf(schema).map((bound): [string, string] => [path, bound]);
  const below = [
    ...Object.entries((schema.properties ?? {}) as Record<string, Json>).map(
      ([key, part]) => [path === '' ? key : `${path}.${key}`, part] as const,
    ),
    ...(['anyOf', 'oneOf', 'allOf'] as const).flatMap((key) =>
      ((schema[key] ?? []) as readonly Json[]).map((part) => [path, part] as const),
    ),
    ...parts(schema.items).map((part) => [`${path}[]`, part] as const),
    ...parts(schema.additionalProperties).map((part) => [`${path}.*`, part] as const),
    ...parts(schema.propertyNames).map((part) => [`${path}, names`, part] as const),
  ];
  return [...own, ...below.flatMap(([at, part]) => boundsOf(part, at))];
}

function parts(value: unknown): Json[] {
  return typeof value === 'object' && value !== null ? [value as Json] : [];
}
