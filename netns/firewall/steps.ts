// A list of elements to add and delete, as few messages as possible in one transaction.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import type { Host } from '../host.js';
import { deleteElements, newElements, type SetElement, type SetName } from '../netlink/set-element.js';
import type { Request } from '../netlink-client.js';
import type { Entry } from './entries.js';
import { provisions } from './policy.js';
import { FAMILY } from './sets.js';

/** `delete` is told when there is nothing to delete, `destroy` is not (before Linux 6.3 it is told of the message). */
export interface Step {
  readonly what: 'add' | 'delete' | 'destroy';
  readonly entry: Entry;
}

const { EEXIST, EINVAL, ENOENT } = constants.errno;
/** The elements of a message are one attribute, of 64 KiB at most. */
const MESSAGE_ELEMENTS = 256;
/** One transaction; only all the sandboxes of a host together are more. */
const BATCH_STEPS = 20_000;

/**
 * Carries out the steps in their order. False when the kernel holds something else than they expect: then nothing of
 * that transaction has changed. Throws SysError; ENOENT when the table is not loaded.
 */
export function commitSteps(host: Host, table: string, steps: readonly Step[]): boolean {
  for (let at = 0; at < steps.length; at += BATCH_STEPS) {
    const part = steps.slice(at, at + BATCH_STEPS);
    const policies = part.flatMap(({ what, entry }) => (what === 'add' ? (entry.policy ?? []) : []));
    try {
      const requests = [...provisions(host, table, policies), ...requestsFor(table, part)];
      if (!host.nfnl.commit(requests)) return false;
    } catch (error) {
      // A table that exists has all the sets.
      if (!(error instanceof SysError) || error.errno !== ENOENT) throw error;
      const note = `table ${table} is not loaded; set the firewall up and apply all sandboxes again`;
      throw new SysError(error.op, ENOENT, { path: error.path ?? table, note });
    }
  }
  return true;
}

function requestsFor(table: string, steps: readonly Step[]): Request[] {
  const groups = new Map<string, { step: Step; elements: SetElement[] }>();
  for (const step of steps) {
    const { family, set, element } = step.entry;
    const key = `${step.what} ${family} ${set}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { step, elements: [element] });
    else group.elements.push(element);
  }
  const requests: Request[] = [];
  for (const { step, elements } of groups.values())
    for (let at = 0; at < elements.length; at += MESSAGE_ELEMENTS)
      requests.push(request(table, step, elements.slice(at, at + MESSAGE_ELEMENTS)));
  return requests;
}

function request(table: string, { what, entry }: Step, elements: readonly SetElement[]): Request {
  const set: SetName = { family: FAMILY[entry.family], table, set: entry.set };
  const path = `${entry.family} ${table} ${entry.set}`;
  if (what === 'add') {
    // The kernel takes two elements of one key for the same, whatever limit is in them (nft_add_set_elem in
    // net/netfilter/nf_tables_api.c): asked for exclusively, it tells, and the one that is there can be looked at.
    const exclusive = entry.element.expression !== undefined;
    const message = newElements(set, elements, exclusive);
    return { message, op: 'NFT_MSG_NEWSETELEM', path, tolerate: [EEXIST] };
  }
  if (what === 'delete') {
    return { message: deleteElements(set, elements, 'error'), op: 'NFT_MSG_DELSETELEM', path, tolerate: [ENOENT] };
  }
  return { message: deleteElements(set, elements, 'fine'), op: 'NFT_MSG_DESTROYSETELEM', path, tolerate: [EINVAL] };
}
