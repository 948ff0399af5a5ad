// The static nft table, the only place in this room that forks: once at start and once at the end.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import type { RoomSettings } from './types.js';
import { assertRules } from './validate.js';

export type TableOptions = Pick<RoomSettings, 'masquerade' | 'linkPrefix' | 'table'>;

// By full path: a search along PATH finds whatever else calls itself nft, such as an npm package in node_modules/.bin.
const PLACES = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'] as const;
const TIMEOUT_MS = 10_000;

/** The rule set as one transaction: add makes the delete valid, delete empties, so the text may be loaded again. */
export function tableText(options: TableOptions): string {
  assertRules(options);
  return [
    `add table inet ${options.table}`,
    `delete table inet ${options.table}`,
    `table inet ${options.table} {`,
    `  comment "made by ${options.table}, replaced at every start"`,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...options.masquerade.map((pool) => `    ip saddr ${pool} oifname != "${options.linkPrefix}*" masquerade`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Loads the table, replacing an older one atomically. Throws SysError; ENOENT when nft is not installed. */
export function loadTable(options: TableOptions, places: readonly string[] = PLACES): void {
  run(tableText(options), options.table, places);
}

/** Removes the table; a missing one is fine. Throws SysError. */
export function deleteTable(table: string, places: readonly string[] = PLACES): void {
  assertRules({ table });
  run(`add table inet ${table}\ndelete table inet ${table}\n`, table, places);
}

function run(input: string, table: string, places: readonly string[]): void {
  const binary = places.find((path) => existsSync(path));
  if (binary === undefined) {
    const note = 'nft is missing, install the Debian package nftables';
    throw new SysError('nft -f -', constants.errno.ENOENT, { path: table, note });
  }
  const result = spawnSync(binary, ['-f', '-'], { input, encoding: 'utf8', timeout: TIMEOUT_MS });
  if (result.status === 0) return;
  const ended = result.error?.message ?? `ended by ${result.signal ?? result.status}`;
  const note = result.stderr?.trim() || ended;
  throw new SysError('nft -f -', constants.errno.EINVAL, { path: table, note });
}
