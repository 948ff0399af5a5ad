// One fresh lab host with berth on it for a whole test file, and what host tests ask again and again. The lab is slow:
// many questions go in one shell command, many commands in one call.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import { reportOf } from '../../agent/base/errors.js';
import type { ErrorReport } from '../../protocol/errors.js';
import { freshHost, type Host, quote } from '../lab/host.js';
import { preparedDisk } from '../lab/prepared.js';
import { type BerthOnTarget, installPackage, packageFile, startBerth } from './berth.js';
import { labTarget } from './target.js';

export const TREE = '/sys/fs/cgroup/berth.slice/berth-workloads.service';
export const MINUTES = 60_000;
/** For a host whose workloads are plain processes: what is tested there is not the sandbox, and each one costs a run of crun. */
export const ALLOW_PLAIN =
  '[drivers]\nexec.allow = ["root", "user", "host-network", "isolation-none"]\noci.allow = ["bundle", "rootfs", "host-network"]\n\n';

export interface Scenario extends BerthOnTarget {
  readonly host: Host;
  close(): Promise<void>;
}

/** Of the agent's unit. Under emulation, beside other work, a start takes minutes; how patient systemd is, is not tested. */
const LAB_UNIT = '/etc/systemd/system/berth.service.d/60-lab.conf';
const FILES = '/usr/lib/berth/*.js /usr/lib/berth/code/*.js /var/cache/berth/*';
/** Starts the supervisor; keeps the compiled code of command and agent, and what both read at their start in the page cache. */
const WARM = `systemctl start berth-workloads && berth version && berth agent --help > /dev/null && cat ${FILES} > /dev/null`;

/** A host with the package installed, its supervisor running and its agent not yet started. */
async function installedHost(name: string): Promise<Host> {
  const deb = await readFile(await packageFile());
  const saved = await preparedDisk({
    what: 'berth installed',
    of: [createHash('sha256').update(deb).digest('hex'), LAB_UNIT, WARM],
    prepare: async (host) => {
      await host.write(LAB_UNIT, '[Service]\nTimeoutStartSec=15min\n');
      await installPackage(labTarget(host));
      await host.ssh(WARM, { timeoutMs: 10 * MINUTES });
    },
  });
  return freshHost({ name, saved });
}

export async function openScenario(name: string, toml = '', unit = ''): Promise<Scenario> {
  const host = await installedHost(name);
  try {
    if (unit !== '') {
      await host.write(LAB_UNIT.replace('60-lab', '70-test'), `[Service]\n${unit}`);
      await host.ssh('systemctl daemon-reload');
    }
    const berth = await startBerth(labTarget(host), { toml });
    const close = async (): Promise<void> => {
      await berth.scheduler.stop();
      await host.stop();
    };
    return { ...berth, host, close };
  } catch (error) {
    const journal = await host.ssh('journalctl -b --no-pager -n 60 -u berth -u berth-workloads', { check: false });
    await host.stop();
    throw new Error(`berth did not start:\n${journal.stdout}`, { cause: error });
  }
}

/** For `test.afterEach.always`: a failed test tells what host, agent and supervisor said last. */
export async function explain(t: ExecutionContext, scenario: Scenario | undefined): Promise<void> {
  if (t.passed || scenario === undefined) return;
  const command = 'uptime; journalctl -b --no-pager -n 40 -u berth -u berth-workloads';
  const journal = await scenario.host.ssh(command, { check: false, timeoutMs: MINUTES }).catch(String);
  const said = typeof journal === 'string' ? journal : journal.stdout;
  t.log(`--- console\n${scenario.host.consoleTail(20)}\n--- journal\n${said}`);
}

/** A shell script as root; its output without the last newline. */
export async function sh(host: Host, script: string): Promise<string> {
  return (await host.ssh(script, { timeoutMs: 10 * MINUTES })).stdout.trimEnd();
}

export interface CommandLine {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** Put before `berth`, e.g. `setpriv --reuid nobody`. */
  readonly before?: string;
}

export interface CommandAnswer {
  readonly exit: number;
  // biome-ignore lint/suspicious/noExplicitAny: documents of many shapes, of which a test names the fields it expects
  readonly document: any;
  readonly stderr: string;
}

/** Runs `berth --json ...` once for each line, two at a time, as many as the lab has processors, in one call. */
export async function berthCommands(host: Host, lines: readonly CommandLine[]): Promise<readonly CommandAnswer[]> {
  const script = lines.map(({ args, stdin, before = '' }, n) => {
    const input = stdin === undefined ? '< /dev/null' : `<<< ${quote(stdin)}`;
    const command = `out=$(${before} berth ${args.map(quote).join(' ')} --json 2>/run/err.${n} ${input})`;
    const answer = `echo "$? $(base64 -w0 <<< "$out") $(base64 -w0 /run/err.${n})" > /run/answer.${n}`;
    return `{ ${command}; ${answer}; } &${n % 2 === 1 ? ' wait' : ''}`;
  });
  const answers = lines.map((_, n) => `/run/answer.${n}`).join(' ');
  const text = await sh(host, `exec bash -s <<'SCRIPT'\n${script.join('\n')}\nwait; cat ${answers}\nSCRIPT`);
  return text.split('\n').map((line) => {
    const [exit, out = '', err = ''] = line.split(' ');
    const stdout = Buffer.from(out, 'base64').toString('utf8').trim();
    return {
      exit: Number(exit),
      document: stdout === '' ? undefined : JSON.parse(stdout),
      stderr: Buffer.from(err, 'base64').toString('utf8'),
    };
  });
}

export async function berthCommand(host: Host, args: readonly string[], stdin?: string): Promise<CommandAnswer> {
  const [answer] = await berthCommands(host, [stdin === undefined ? { args } : { args, stdin }]);
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

/** The error a call ends with. */
export async function errorOf(call: Promise<unknown>): Promise<ErrorReport> {
  try {
    await call;
  } catch (error) {
    return reportOf(error);
  }
  throw new Error('the call should have failed');
}

/** Everything of workloads in the kernel and on disk, as text to compare. */
export function objects(host: Host): Promise<string> {
  return sh(
    host,
    `ip netns list | cut -d' ' -f1 | sort; ip -o link | sed 's/ state .*//' | sort; ip -4 route; nft list table inet berth
find ${TREE} -type d | sort; ls -A /var/lib/berth/workloads /var/lib/berth/logs /run/berth/workloads`,
  );
}

/** The fields of cgroup files such as cpu.stat, as numbers. */
export async function counters(host: Host, file: string): Promise<Readonly<Record<string, number>>> {
  const text = await sh(host, `cat ${TREE}/${file}`);
  return Object.fromEntries(text.split('\n').map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
}
