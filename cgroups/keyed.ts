// The two text shapes of cgroup v2 files (cgroup-v2.rst, "Format"): one value, and `KEY VALUE` per line.

/** The number after `key` in a flat-keyed file; 0 when the line is missing, as in older kernels. */
export function counter(text: string, key: string): number {
  const start = text.startsWith(`${key} `) ? key.length + 1 : afterLine(text, key);
  return start < 0 ? 0 : Number.parseInt(text.slice(start, start + 20), 10);
}

/** `"268435456\n"` -> 268435456, `"max\n"` -> `"max"`. */
export function limit(text: string): number | 'max' {
  return text.startsWith('max') ? 'max' : Number.parseInt(text, 10);
}

/** Names in a list file such as cgroup.controllers. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function afterLine(text: string, key: string): number {
  const found = text.indexOf(`\n${key} `);
  return found < 0 ? -1 : found + key.length + 2;
}
