// Stands for Firecracker in its jail: reads its configuration file and checks it by the API document, opens what it names as the user
// of the VM, and serves the API; without one it waits for a snapshot. There is no guest; words on the kernel's command line (double.WORD) say how it behaves.
import { readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { check, func } from '../../../../../linux/libc.js';
import { openDocument } from '../api-document.js';
import { lookAround } from './look-around.js';
import { makeThreads, openBoot, openDevices, readConfig, startVcpus } from './machine.js';
import { serveApi } from './serve-api.js';

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  ...{ id: TEXT, 'api-sock': TEXT, 'config-file': TEXT, metadata: TEXT, level: TEXT },
  'no-api': { type: 'boolean' },
} as const;
/** Of any test. How many a guest has is known only when the threads are made. */
const MOST_VCPUS = 2;
const ARG_PARSING = 153;
const BAD_CONFIGURATION = 152;

const say = (line: string): void => void writeSync(1, `${line}\n`);

function end(code: number, line: string): never {
  say(line);
  process.exit(code);
}

function enter(root: string, uid: number, gid: number): void {
  process.chdir(root);
  check(func('int chroot(const char *path)')('.'), 'chroot', { path: root });
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

async function run(): Promise<void> {
  const [root = '', uid, gid, ...rest] = process.argv.slice(2);
  const version = /v(\d+\.\d+)\.\d+/.exec(readFileSync(`${root}/firecracker`, 'utf8'))?.[1] === '1.17' ? '1.17' : '1.7';
  const document = openDocument(version);
  let options: ReturnType<typeof parse>;
  try {
    options = parse(rest);
  } catch (error) {
    end(ARG_PARSING, `Error: ArgParsing(${String(error)})`);
  }
  const { 'api-sock': path, 'config-file': file, metadata } = options;
  // Before the jail, which has no library.
  const threads = await makeThreads(MOST_VCPUS);
  enter(root, Number(uid), Number(gid));
  const config = file === undefined ? undefined : readConfig(file);
  if (metadata !== undefined) readFileSync(metadata);
  const words = config?.['boot-source'].boot_args.split(' ') ?? [];
  const problems = config === undefined ? [] : document.configProblems(config as never);
  if (problems.length > 0) end(BAD_CONFIGURATION, `Error: ParseFromJson(${problems.join('; ')})`);
  const served = { path: path ?? '', document, version: `${version}.0`, threads, say, end };
  if (config === undefined) return serveApi({ ...served, words });
  openBoot(config);
  openDevices(config);
  await startVcpus(threads, config['machine-config'].vcpu_count);
  const code = words.map((word) => /^double\.exit=(\d+)$/.exec(word)?.[1]).find((found) => found !== undefined);
  if (code !== undefined) end(Number(code), 'Error: as it was told');
  if (words.includes('double.panic')) end(0, '[    1.0] Kernel panic - not syncing: as it was told');
  if (words.includes('double.garbage')) process.stdout.write(Buffer.from([0, 255, 10, 27, 91, 50, 74, 13, 254]));
  if (words.includes('double.look')) say(`double sees ${JSON.stringify(lookAround())}`);
  if (path !== undefined && !words.includes('double.silent')) await serveApi({ ...served, words, config });
  say('berth-double ready');
  setInterval(() => undefined, 1 << 30);
}

const parse = (args: string[]) => parseArgs({ args, options: OPTIONS, strict: true }).values;

try {
  await run();
} catch (error) {
  end(1, `Error: ${error instanceof Error ? error.message : String(error)}`);
}
