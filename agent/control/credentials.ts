// What the agent shows to a scheduler, and by what it knows one: files that an operator names and others replace.
import { defined } from '../../linux/defined.js';
import { readPlain } from '../../linux/plain-file.js';

export interface CredentialFiles {
  readonly token_file?: string | undefined;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

export interface Credentials {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A header of a request is 16 KiB at most. */
const TOKEN_BYTES = 8 << 10;
/** Bundles of every public authority have a quarter of it. */
const PEM_BYTES = 1 << 20;

/**
 * Read again for every connection, so that rotated tokens and certificates are taken up. One after the other: a file system
 * that does not answer holds one thread of the pool. Throws SysError, and errors of node:fs.
 */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const token = await read(files.token_file, TOKEN_BYTES);
  const ca = await read(files.ca_file, PEM_BYTES);
  const cert = await read(files.cert_file, PEM_BYTES);
  const key = await read(files.key_file, PEM_BYTES);
  return {
    ...(token === undefined ? {} : { token: token.trim() }),
    ...defined({ ca, cert, key }),
  };
}

async function read(path: string | undefined, mostBytes: number): Promise<string | undefined> {
  return path === undefined ? undefined : (await readPlain(path, mostBytes)).toString('utf8');
}
