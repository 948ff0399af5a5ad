type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that have a value, where one that is absent means something else than undefined: `{ ...defined({ path, pid }) }`. */
export function defined<T extends object>(fields: T): Defined<T> {
  const found: Defined<T> = {};
  for (const key in fields) if (fields[key] !== undefined) found[key] = fields[key] as Defined<T>[typeof key];
  return found;
}
