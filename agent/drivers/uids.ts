// A uid for each workload, of a range that nobody else uses. A claim is a symbolic link RUNTIME/uids/UID that points to the
// workload's id: it is there as a whole or not at all, and only one workload can make it.
import { createHash } from 'node:crypto';
import { mkdir, readlink, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { BerthError } from '../../protocol/errors.js';
import type { UidRange } from '../config/drivers.js';

/** It holds one number. */
const MOST_BYTES = 64;

/**
 * The uid of a workload; `key` of the configuration has the range. The same range gives the same id the same uid unless another workload has it. The workload's own
 * file names the uid before it is claimed: a crash between the two leaves no claim that nobody can release.
 */
export async function claimUid(
  id: string,
  directory: string,
  claims: string,
  range: UidRange,
  key = 'drivers.exec.uids',
): Promise<number> {
  await mkdir(claims, { recursive: true, mode: 0o700 });
  const own = await claimedUid(directory);
  if (own !== undefined && (await claim(own, id, claims))) return own;
  const size = range.last - range.first + 1;
  const start = createHash('sha256').update(`berth-exec:${id}`).digest().readUInt32BE(0) % size;
  for (let step = 0; step < size; step++) {
    const uid = range.first + ((start + step) % size);
    await writeFile(ownFile(directory), String(uid), { mode: 0o600 });
    if (await claim(uid, id, claims)) return uid;
  }
  throw new BerthError('start_failed', `workload ${id}: every uid of ${key} is in use`, {
    hint: `Delete workloads, or widen ${key}.`,
  });
}

/** Idempotent. */
export async function releaseUid(id: string, directory: string, claims: string): Promise<void> {
  const uid = await claimedUid(directory);
  if (uid !== undefined && (await ownerOf(uid, claims)) === id) await unlink(join(claims, String(uid)));
}

async function claim(uid: number, id: string, claims: string): Promise<boolean> {
  try {
    await symlink(id, join(claims, String(uid)));
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return (await ownerOf(uid, claims)) === id;
  }
}

async function ownerOf(uid: number, claims: string): Promise<string | undefined> {
  return unlessMissing(readlink(join(claims, String(uid))));
}

async function claimedUid(directory: string): Promise<number | undefined> {
  const text = String((await unlessMissing(readPlain(ownFile(directory), MOST_BYTES))) ?? '');
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function ownFile(directory: string): string {
  return join(directory, 'uid');
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
