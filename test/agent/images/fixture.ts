// A store of images in a directory of the test's own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { which } from '../../../agent/host/which.js';
import { Images, type ImagesOptions } from '../../../agent/images/images.js';
import type { RunApart } from '../../../agent/images/unpacker.js';
import type { NewEvent } from '../../../agent/model/event.js';
import { runProgram } from '../../../linux/run-program.js';

export async function directoryOf(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-images-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Without a supervisor: as a child. */
export const runAsChild: RunApart = async ([program = '', ...args], options) => {
  const { code, stdout, stderr } = await runProgram(program, args, { ...options, env: {} });
  return { code, output: stderr + stdout };
};

export interface Bench {
  readonly images: Images;
  readonly events: NewEvent[];
  readonly used: Set<string>;
  readonly state: string;
}

/** `settings`: of [images]. */
export async function openImages(
  state: string,
  settings: Readonly<Record<string, unknown>> = {},
  more: Partial<ImagesOptions> = {},
): Promise<Bench> {
  const { images: parsed } = configSchema.parse({ images: { min_free: '0', ...settings } });
  const events: NewEvent[] = [];
  const used = new Set<string>();
  const images = new Images({
    ...{
      state,
      which,
      env: {},
      run: runAsChild,
      settings: () => parsed,
      users: () => [...used].map((digest) => ({ workload: digest, tenant: 'acme', image: undefined, digest })),
    },
    events: { append: (event: NewEvent) => events.push(event) } as unknown as ImagesOptions['events'],
    ...more,
  });
  await images.open(() => undefined);
  return { images, events, used, state };
}
