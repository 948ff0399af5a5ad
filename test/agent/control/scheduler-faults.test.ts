// Schedulers that do not do their part, at each stage of the conversation: the agent gives up at its deadline, says why, keeps
// nothing, dials again, and ends at once when it is told to.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BACKOFF } from '../../../agent/control/backoff.js';
import type { NodeSession } from '../../scheduler/node-session.js';
import { startScheduler } from '../../scheduler/scheduler.js';
import { type Fault, FaultyFront, type Stage } from './faulty-front.js';
import { startHarness, temporaryDirectory } from './harness.js';
import { LOOPBACK } from './loopback-certificate.js';

const backoff = { ...BACKOFF, firstMs: 5, maxMs: 50 };
const HOUR_MS = 3_600_000;

interface Case {
  readonly at: 'connect' | 'tls' | 'upgrade' | 'hello' | 'session';
  readonly stage: Stage;
  readonly fault: Fault;
  /** What ends it: a deadline, which is short then, or the fault itself. */
  readonly by: keyof typeof SHORT | 'itself';
  /** Of `lastError`. */
  readonly told: RegExp;
}

const LONG = { dialMs: HOUR_MS, helloMs: HOUR_MS, heartbeat: '1h' };
const SHORT = { dial: { dialMs: 500 }, hello: { helloMs: 300 }, heartbeat: { heartbeat: '100ms' } };

const DIAL = /not connected within 500 ms/;
const HELLO = /no session\.hello within 300 ms/;
const SILENT = /nothing was heard for three pings/;
const DEAF = /no ping was answered for six/;
const CUT = /closed with code 1006/;
const FRAME = /Invalid WebSocket frame/;
const TLS = /wrong version|packet length/;
const ENDED = /socket hang up|ECONNRESET|disconnected before secure TLS/;

const CASES: readonly Case[] = [
  { at: 'connect', stage: 'connect', fault: 'drop', by: 'dial', told: DIAL },
  { at: 'tls', stage: 'answer', fault: 'hang', by: 'dial', told: DIAL },
  { at: 'tls', stage: 'answer', fault: 'trickle', by: 'dial', told: DIAL },
  { at: 'tls', stage: 'answer', fault: 'garbage', by: 'itself', told: TLS },
  { at: 'tls', stage: 'answer', fault: 'close', by: 'itself', told: ENDED },
  { at: 'tls', stage: 'answer', fault: 'flood', by: 'itself', told: TLS },
  { at: 'tls', stage: 'answer', fault: 'late', by: 'dial', told: DIAL },
  { at: 'upgrade', stage: 'answer', fault: 'hang', by: 'dial', told: DIAL },
  { at: 'upgrade', stage: 'answer', fault: 'trickle', by: 'dial', told: DIAL },
  { at: 'upgrade', stage: 'answer', fault: 'garbage', by: 'itself', told: /Parse Error/ },
  { at: 'upgrade', stage: 'answer', fault: 'close', by: 'itself', told: ENDED },
  { at: 'upgrade', stage: 'answer', fault: 'flood', by: 'itself', told: /Parse Error|Header overflow/ },
  { at: 'upgrade', stage: 'answer', fault: 'late', by: 'dial', told: DIAL },
  { at: 'hello', stage: 'hello', fault: 'hang', by: 'hello', told: HELLO },
  { at: 'hello', stage: 'hello', fault: 'trickle', by: 'hello', told: HELLO },
  { at: 'hello', stage: 'hello', fault: 'garbage', by: 'itself', told: FRAME },
  { at: 'hello', stage: 'hello', fault: 'close', by: 'itself', told: CUT },
  { at: 'hello', stage: 'hello', fault: 'flood', by: 'itself', told: FRAME },
  { at: 'hello', stage: 'hello', fault: 'deaf', by: 'hello', told: HELLO },
  { at: 'hello', stage: 'hello', fault: 'late', by: 'hello', told: HELLO },
  { at: 'session', stage: 'session', fault: 'hang', by: 'heartbeat', told: SILENT },
  { at: 'session', stage: 'session', fault: 'trickle', by: 'heartbeat', told: SILENT },
  { at: 'session', stage: 'session', fault: 'garbage', by: 'itself', told: FRAME },
  { at: 'session', stage: 'session', fault: 'close', by: 'itself', told: CUT },
  { at: 'session', stage: 'session', fault: 'flood', by: 'itself', told: FRAME },
  { at: 'session', stage: 'session', fault: 'deaf', by: 'heartbeat', told: DEAF },
  { at: 'session', stage: 'session', fault: 'late', by: 'heartbeat', told: SILENT },
];

/** An agent before a scheduler whose answers go wrong. */
async function before(t: ExecutionContext, { at, stage, fault }: Case, limits: Partial<typeof LONG>) {
  const secure = at === 'tls';
  const scheduler = await startScheduler(secure ? { tls: LOOPBACK } : {});
  const front = await FaultyFront.start(scheduler.port, { stage, fault });
  t.teardown(() => Promise.all([front.stop(), scheduler.stop()]));
  const ca = join(temporaryDirectory(t), 'ca.pem');
  writeFileSync(ca, LOOPBACK.cert);
  const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${front.port}`;
  const { heartbeat, ...rest } = { ...LONG, ...limits };
  const harness = await startHarness(t, { schedulers: [{ url, ca_file: ca }], backoff, limits: rest, heartbeat });
  if (stage === 'session') {
    await scheduler.node();
    front.strike();
  }
  return { ...harness, scheduler, front, told: () => harness.control.stats().schedulers[0]?.lastError ?? null };
}

async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 5));
}

for (const faulty of CASES) {
  const { at, fault, by, told } = faulty;
  test.serial(`${at}, ${fault}: told, nothing is left open, and the next dial works`, async (t) => {
    const it = await before(t, faulty, by === 'itself' ? {} : SHORT[by]);
    await until(() => it.told() !== null);
    t.regex(String(it.told()), told);
    await it.front.heal();
    const node = await it.scheduler.node();
    // Whatever met the fault has been ended by the agent.
    await until(() => it.front.open === 1 && node.connections > Number(at === 'session'));
    const connected = () => it.control.stats().schedulers[0]?.connected === true;
    await until(() => it.control.stats().sessions.scheduler === 1 && connected());
    t.is(await ping(node), 'pong');
  });

  test.serial(`${at}, ${fault}: a stop does not wait for it`, async (t) => {
    const it = await before(t, faulty, {});
    await until(() => it.front.struck > 0);
    await it.control.stop(50);
    await it.front.heal();
    await until(() => it.front.open === 0);
    t.is(it.control.stats().sessions.scheduler, 0);
    t.false(it.control.stats().schedulers[0]?.connected);
  });
}

test.serial('dials that met their deadline leave no timer and no socket', async (t) => {
  const resources = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
  const timers = resources('Timeout');
  for (const [at, stage, fault] of [
    ['connect', 'connect', 'drop'],
    ['tls', 'answer', 'trickle'],
    ['upgrade', 'answer', 'trickle'],
  ] as const) {
    const it = await before(t, { at, stage, fault, by: 'dial', told: DIAL }, { dialMs: 30 });
    await until(() => it.warnings.length >= 20);
    await it.control.stop(50);
    await it.front.stop();
    await it.scheduler.stop();
  }
  // The timer of `until` itself is not there while it looks.
  await until(() => resources('Timeout') <= timers && resources('TCPSocketWrap') === 0);
  t.is(resources('GetAddrInfoReqWrap'), 0);
});

for (const key of ['token_file', 'ca_file', 'cert_file', 'key_file'])
  test.serial(`${key} that is no plain file: told, dialled again, and a stop does not wait`, async (t) => {
    const scheduler = await startScheduler();
    t.teardown(() => scheduler.stop());
    const path = join(temporaryDirectory(t), 'file');
    execFileSync('mkfifo', [path]);
    const harness = () => startHarness(t, { schedulers: [{ url: scheduler.url, [key]: path }], backoff });
    const { warnings, control } = await harness();
    await until(() => warnings.length >= 2);
    t.is(warnings[0], `no scheduler: read ${path}: EINVAL: not a regular file`);
    await control.stop();
    rmSync(path);
    writeFileSync(path, Buffer.alloc((1 << 20) + 1, 'x'));
    const { warnings: more } = await harness();
    await until(() => more.length >= 2);
    t.regex(more[0] ?? '', /EFBIG/);
    writeFileSync(path, key === 'token_file' ? 'sesame' : LOOPBACK[key === 'key_file' ? 'key' : 'cert']);
    t.is((await scheduler.node()).name, 'node-1');
  });

/** Short heartbeats may cut a healthy connection on a busy machine; the agent is back at once. */
async function ping(node: NodeSession): Promise<string> {
  for (;;) {
    const answer = await node.call('session.ping').catch(() => undefined);
    if (answer !== undefined) return 'pong';
  }
}
