// Stands for Firecracker in its jail: reads its configuration file and checks it by the API document, opens what it names as the user
// of the VM, and serves the API. There is no guest; words on the kernel's command line (double.WORD) say how it behaves.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { check, func } from '../../../../../linux/libc.js';
import { openTap } from '../../../../../linux/tuntap.js';
import { openDocument } from '../api-document.js';
import { lookAround } from './look-around.js';
import { serveApi } from './serve-api.js';

interface Config {
  readonly 'boot-source': {
    readonly kernel_image_path: string;
    readonly boot_args: string;
    readonly initrd_path?: string;
  };
  readonly drives: readonly { readonly path_on_host: string; readonly is_read_only: boolean }[];
  readonly 'machine-config': { readonly vcpu_count: number; readonly mem_size_mib: number };
  readonly 'network-interfaces': readonly { readonly host_dev_name: string }[];
}

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  ...{ id: TEXT, 'api-sock': TEXT, 'config-file': TEXT, metadata: TEXT },
  'no-api': { type: 'boolean' },
} as const;
const ARG_PARSING = 153;
const BAD_CONFIGURATION = 152;

const say = (line: string): void => void writeSync(1, `${line}\n`);

function end(code: number, line: string): never {
  say(line);
  process.exit(code);
}

/** Threads that do nothing, with the names that Firecracker gives to those of its vCPUs. */
async function startVcpus(count: number): Promise<void> {
  const library = JSON.stringify(new URL('../../../../../linux/libc.js', import.meta.url).href);
  const code = `import(${library}).then(({ func }) => {
    const { parentPort, workerData } = require('node:worker_threads');
    func('int prctl(int option, const char *name, long a, long b, long c)')(15, 'fc_vcpu ' + workerData, 0, 0, 0);
    parentPort.postMessage('named');
    parentPort.on('message', () => undefined);
  })`;
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const worker = new Worker(code, { eval: true, workerData: index });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
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
  const document = openDocument('1.7');
  let options: ReturnType<typeof parse>;
  try {
    options = parse(rest);
  } catch (error) {
    end(ARG_PARSING, `Error: ArgParsing(${String(error)})`);
  }
  const config = JSON.parse(readFileSync(`${root}${options['config-file']}`, 'utf8')) as Config;
  const words = config['boot-source'].boot_args.split(' ');
  const problems = document.configProblems(config as never);
  if (problems.length > 0) end(BAD_CONFIGURATION, `Error: ParseFromJson(${problems.join('; ')})`);
  await startVcpus(config['machine-config'].vcpu_count);
  enter(root, Number(uid), Number(gid));
  openAll(config);
  const code = words.map((word) => /^double\.exit=(\d+)$/.exec(word)?.[1]).find((found) => found !== undefined);
  if (code !== undefined) end(Number(code), 'Error: as it was told');
  if (words.includes('double.panic')) end(0, '[    1.0] Kernel panic - not syncing: as it was told');
  if (words.includes('double.garbage')) process.stdout.write(Buffer.from([0, 255, 10, 27, 91, 50, 74, 13, 254]));
  if (words.includes('double.look')) say(`double sees ${JSON.stringify(lookAround())}`);
  if (options['api-sock'] !== undefined && !words.includes('double.silent'))
    await serveApi({
      path: options['api-sock'],
      document,
      memoryMib: config['machine-config'].mem_size_mib,
      words,
      end,
    });
  say('berth-double ready');
  setInterval(() => undefined, 1 << 30);
}

const parse = (args: string[]) => parseArgs({ args, options: OPTIONS, strict: true }).values;

/** Each file as Firecracker opens it; into each that may be written to goes a word. */
function openAll(config: Config): void {
  const { kernel_image_path: kernel, initrd_path: initrd } = config['boot-source'];
  for (const path of initrd === undefined ? [kernel] : [kernel, initrd]) closeSync(openSync(path, 'r'));
  for (const { path_on_host: path, is_read_only: readOnly } of config.drives) {
    closeSync(openSync(path, readOnly ? 'r' : 'r+'));
    if (!readOnly) writeFileSync(path, 'berth-double', { flag: 'r+' });
  }
  for (const { host_dev_name: tap } of config['network-interfaces'])
    openTap(tap, { multiQueue: false, vnetHeader: true });
}

try {
  await run();
} catch (error) {
  end(1, `Error: ${error instanceof Error ? error.message : String(error)}`);
}
