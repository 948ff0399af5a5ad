// Small files that a spec brings along, as the container finds them.
import * as z from 'zod';
import { filePlace } from './mounts-spec.js';
import { uid } from './process-spec.js';

/** Each is a mount of the kernel, made at every start. */
const MOST_FILES = 32;
export const MOST_FILE_BYTES = 64 << 10;
const MOST_TOTAL_BYTES = 256 << 10;
/** Four characters for three bytes. */
const MOST_BASE64 = Math.ceil(MOST_FILE_BYTES / 3) * 4;

/** Without set-user-ID and its like: such a file is mounted nosuid. */
export const fileMode = z.string().regex(/^0?[0-7]{3}$/, 'must be an octal mode such as "0644" or "0755"');

const file = z
  .strictObject({
    path: filePlace.meta({ description: 'where the container finds it, read-only' }),
    content: z
      .string()
      .max(MOST_FILE_BYTES)
      .refine((text) => Buffer.byteLength(text) <= MOST_FILE_BYTES, `must have at most ${MOST_FILE_BYTES} bytes`)
      .optional()
      .meta({ description: 'text, 64 KiB at most; put secrets in `secrets`, not here' }),
    contentBase64: z
      .string()
      .max(MOST_BASE64)
      .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'must be base64 with its padding')
      .refine(
        (text) => Buffer.byteLength(text, 'base64') <= MOST_FILE_BYTES,
        `must have at most ${MOST_FILE_BYTES} bytes`,
      )
      .optional()
      .meta({ description: 'bytes in base64, instead of content' }),
    mode: fileMode.default('0644'),
    uid: uid.default(0).meta({ description: 'owner' }),
    gid: uid.default(0).meta({ description: 'group' }),
  })
  .refine(
    ({ content, contentBase64 }) => (content === undefined) !== (contentBase64 === undefined),
    'needs exactly one of content and contentBase64',
  );

export type FileSpec = z.output<typeof file>;

export const files = z
  .array(file)
  .max(MOST_FILES)
  .refine((all) => all.reduce((sum, one) => sum + bytesOf(one).length, 0) <= MOST_TOTAL_BYTES, {
    message: `must have at most ${MOST_TOTAL_BYTES} bytes together`,
  })
  .default([])
  .meta({ description: 'small files of a container, 256 KiB together at most' });

export function bytesOf({ content, contentBase64 }: Pick<FileSpec, 'content' | 'contentBase64'>): Buffer {
  return contentBase64 === undefined ? Buffer.from(content ?? '') : Buffer.from(contentBase64, 'base64');
}
