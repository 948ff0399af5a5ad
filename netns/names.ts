// Deterministic names of a workload's network: the same id always gets the same ones, so nothing need be remembered.
import { createHash } from 'node:crypto';

/** A MAC address for `id`: always the same, unicast, locally administered (46 bits of SHA-256). */
export function macFor(id: string): string {
  const bytes = digest(id).subarray(0, 6);
  bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0);
  return (bytes.toString('hex').match(/../g) ?? []).join(':');
}

const LINK_NAME_LENGTH = 15;
const SHORTEST_SUFFIX = 8;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * A link name for `id`: `prefix` and 5 bits of SHA-256 in each character left of 15. With a prefix of 3 that is 60
 * bits: the odds that any two of 10,000 ids collide are 4 in 10^11, with the longest prefix (7) 5 in 10^5. A
 * collision does no harm, `create` refuses the second with EEXIST. Throws RangeError for a prefix above 7.
 */
export function linkNameFor(prefix: string, id: string): string {
  const length = LINK_NAME_LENGTH - prefix.length;
  if (length < SHORTEST_SUFFIX) throw new RangeError(`link prefix ${JSON.stringify(prefix)} is longer than 7`);
  const bytes = digest(`link:${id}`);
  let name = prefix;
  for (let at = 0; at < length; at++) name += ALPHABET.charAt(bytes.readUInt8(at) & 31);
  return name;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
