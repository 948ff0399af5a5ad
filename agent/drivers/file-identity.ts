// A file as it is now: another file under the same name, and the same file written to, have another identity.
import { stat } from 'node:fs/promises';

export async function fileIdentity(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${path} inode ${ino}, ${size} bytes, modified ${mtimeNs}`;
}
