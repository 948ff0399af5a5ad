import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where an administrator's programs are, for a daemon whose own PATH may be short. */
const PLACES = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The absolute path of an executable, looked up as a shell would; undefined when there is none. */
export function which(binary: string): string | undefined {
  const candidates = isAbsolute(binary) ? [binary] : PLACES.split(delimiter).map((place) => join(place, binary));
  return candidates.find((candidate) => {
    // Most places do not have it, and an error costs more than the call.
    if (!existsSync(candidate)) return false;
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
