// Hashes of passwords as crypt(5) has them, by libxcrypt, which every distribution has for its own log-ins.
import { pooledFuncOf } from './libc.js';

/** CRYPT_OUTPUT_SIZE and sizeof(struct crypt_data) in crypt.h of libxcrypt; `output` comes first. */
const OUTPUT_SIZE = 384;
const DATA_SIZE = 32_768;

/** Libc's own name until 2.28 or so; Fedora builds it without the old functions. */
const LIBRARIES = ['libcrypt.so.1', 'libcrypt.so.2'];

export type PasswordHash = (password: string, setting: string) => Promise<string | undefined>;

/**
 * The hash of a password under `setting` (a whole hash does as well), undefined where the library does not know its method. Runs on
 * a thread of libuv's pool, which a costly hash holds for long: at most one at a time. A NUL would end the password.
 * Throws an Error where there is no libcrypt.
 */
export function openPasswordHash(): PasswordHash {
  const crypt = pooledFuncOf(
    LIBRARIES,
    'intptr_t crypt_rn(const char *phrase, const char *setting, void *data, int size)',
  );
  return async (password, setting) => {
    if (password.includes('\0')) return undefined;
    const data = Buffer.from(new ArrayBuffer(DATA_SIZE));
    await crypt(password, setting, data, DATA_SIZE);
    const end = data.subarray(0, OUTPUT_SIZE).indexOf(0);
    const text = data.toString('latin1', 0, end);
    // crypt(5): a result that starts with an asterisk is a failure.
    return text === '' || text.startsWith('*') ? undefined : text;
  };
}
