// The only fork of this room: `nft` loads the rules, once at start. Their elements go over netlink (apply.ts).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';

// By full path: a search along PATH finds whatever else calls itself nft, such as an npm package in node_modules/.bin.
const PLACES = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'] as const;
/** In the worker, and once at start: on a host that boots everything at once nft itself takes its time. */
const TIMEOUT_MS = 60_000;
const { EINVAL, ENOENT, EOPNOTSUPP, EPERM, ETIMEDOUT } = constants.errno;

/**
 * Loads `input` as one transaction; `table` is for the error. Throws SysError: ENOENT when nft is not installed, EPERM
 * without CAP_NET_ADMIN, EOPNOTSUPP when the kernel lacks something that the rules need, ETIMEDOUT, else EINVAL.
 */
export function runNft(input: string, table: string, places: readonly string[] = PLACES): void {
  const binary = places.find((path) => existsSync(path));
  if (binary === undefined) {
    const note = 'nft is missing, install the Debian package nftables';
    throw new SysError('nft -f -', ENOENT, { path: table, note });
  }
  const env = { PATH: '/usr/sbin:/usr/bin', LC_ALL: 'C' };
  const result = spawnSync(binary, ['-f', '-'], { input, env, encoding: 'utf8', timeout: TIMEOUT_MS });
  if (result.status === 0) return;
  const ended = result.error?.message ?? `ended by ${result.signal ?? result.status}`;
  const note = result.stderr?.trim() || ended;
  throw new SysError('nft -f -', errnoOf(note), { path: table, note });
}

// nft has no codes, only strerror(3). A missing module of an expression reads as ENOENT of the rule that has it.
function errnoOf(text: string): number {
  if (text.endsWith('ETIMEDOUT')) return ETIMEDOUT;
  if (text.includes('Operation not permitted')) return EPERM;
  if (/Operation not supported|Protocol not supported|Could not process rule: No such file/.test(text)) {
    return EOPNOTSUPP;
  }
  return EINVAL;
}
