/** A tier (`tier host`) or a test (its title) that may be skipped under CI=true, and why that is right. */
export interface AllowedSkip {
  readonly name: string;
  readonly reason: string;
}

/**
 * The one list. Elsewhere a machine may lack what a test needs; under CI a skip that does not stand here is a failure, so
 * that no promise of the README stops being checked without anybody deciding it.
 */
export const ALLOWED_SKIPS: readonly AllowedSkip[] = [
  {
    name: 'where the kernel has fq_codel, it is behind both buckets, and a live change keeps it',
    reason: 'the kernel of a CI machine may lack sch_fq_codel; the network test of the lab looks at the same queues',
  },
];

/** The skipped names that no entry of the list covers. ava puts the path of the file before a title when it runs several. */
export function unlisted(names: readonly string[], allowed: readonly AllowedSkip[] = ALLOWED_SKIPS): string[] {
  return names.filter((name) => !allowed.some((one) => name === one.name || name.endsWith(` › ${one.name}`)));
}
