// What the specifications of several drivers say of a process.
import * as z from 'zod';
import { boundedMap } from '../base/bounds.js';

/** Entries of an environment. */
const MOST_VARIABLES = 1024;
/** uid_t without (uid_t) -1, which means "nobody in particular". */
const MAX_UID = 2 ** 32 - 2;
export const uid = z.number().int().min(0).max(MAX_UID);

/** NGROUPS_MAX is 65536; nobody asks for more than a few. */
const MOST_GROUPS = 32;
export const groups = z
  .array(
    z.union([
      z
        .string()
        .max(256)
        // As groupadd(8) lets in, but for names of digits: a number is a number.
        .regex(/^(?!\d+$)[^-+:,/\s\0][^:,/\s\0]*$/, 'must be a group name, or a number as a number'),
      uid,
    ]),
  )
  .max(MOST_GROUPS)
  .default([])
  .meta({
    description:
      'additional groups, by name or number; names are those of /etc/group of the container, of the host for driver exec',
  });

/** With the NUL at its end: PATH_MAX of limits.h, MAX_ARG_STRLEN of binfmts.h. */
const PATH_BYTES = 4096;
const ARGUMENT_BYTES = 131_072;

/** At most so many bytes with the NUL at its end; JSON Schema counts characters, of which there are not more. */
const shorterThan = (bytes: number, text: z.ZodString) =>
  text
    .max(bytes - 1, { error: `must be shorter than ${bytes} bytes`, abort: true })
    .refine((value) => Buffer.byteLength(value) < bytes, `must be shorter than ${bytes} bytes`);
export const absolutePath = shorterThan(PATH_BYTES, z.string().regex(/^\/[^\0]*$/, 'must be an absolute path'));
export const argument = shorterThan(
  ARGUMENT_BYTES,
  z.string().refine((text) => !text.includes('\0'), 'must not contain a NUL'),
);

/** A shell's PATH has a dozen directories; each is looked into at every start. */
const MOST_DIRECTORIES = 128;

const variable = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a variable name');
export const env = boundedMap(variable, argument, MOST_VARIABLES)
  .superRefine((variables, ctx) => {
    for (const [name, value] of Object.entries(variables))
      if (Buffer.byteLength(`${name}=${value}`) >= ARGUMENT_BYTES)
        ctx.addIssue({
          code: 'custom',
          path: [name],
          message: `must be shorter than ${ARGUMENT_BYTES} bytes together with its name`,
        });
  })
  .default({});

/** Why a program cannot be looked for by this PATH; undefined: it can. */
export function whyNotSearched({ PATH = '' }: Readonly<Record<string, string>>): string | undefined {
  return PATH.length <= 4096 && PATH.split(':').length <= MOST_DIRECTORIES
    ? undefined
    : `must have at most ${MOST_DIRECTORIES} directories and 4096 characters`;
}
