// Of the answers of Docker and podman: anything may stand anywhere.
export type Fields = Readonly<Record<string, unknown>>;

/** Ids go into paths of requests and are looked for in paths of cgroups. */
export const ID = /^[0-9a-f]{64}$/;

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
