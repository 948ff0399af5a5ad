import test from 'ava';
import { type Advised, adviceOf, type Measured } from '../../../../agent/discovery/engines/advice.js';
import { fixOf } from '../../../../agent/discovery/engines/engine.js';
import { ENGINES } from '../../../../agent/discovery/engines/index.js';
import { type AdoptedLimits, ENGINE_NAMES, type EngineName } from '../../../../agent/model/adopted.js';
import { adoptedOf } from '../../control/fake-engines.js';

const LIMITED: AdoptedLimits = { cpu: 1, memory: 1 << 30, pids: 100 };
const MIB = 2 ** 20;

const one = (
  limits: Partial<AdoptedLimits>,
  measured: Measured,
  name = 'web',
  engine: EngineName = 'docker',
): Advised => ({
  workload: adoptedOf(name, { engine, limits: { ...LIMITED, ...limits } }),
  measured,
});
const advice = async (...advised: Advised[]): Promise<string[]> => {
  const made = await adviceOf(advised, (workload, change) => fixOf(ENGINES[workload.engine], workload, change));
  return made.map(({ code, fix }) => `${code}: ${fix}`);
};

test('no memory limit: the command sets one at twice the use', async (t) => {
  t.deepEqual(await advice(one({ memory: null }, { memory: 100 * MIB, pids: 1, cpu: 0 })), [
    `adopted_no_memory_limit: Run: docker update --memory ${256 * MIB} --memory-swap ${256 * MIB} web`,
  ]);
  t.deepEqual(await advice(one({ memory: null }, {})), [], 'nothing is advised of what is not measured');
});

test('no limit of processes', async (t) => {
  t.deepEqual(await advice(one({ pids: null }, { pids: 1000 })), [
    'adopted_no_pids_limit: Run: docker update --pids-limit 4000 web',
  ]);
});

test('an engine that has no command for a limit has a sentence', async (t) => {
  for (const engine of ['containerd', 'crio'] as const) {
    t.deepEqual(await advice(one({ pids: null }, { pids: 1000 }, 'web', engine)), [
      'adopted_no_pids_limit: Set podPidsLimit of the kubelet, or pids_limit in crio.conf.',
    ]);
    t.regex(
      (await advice(one({ memory: null }, { memory: MIB }, 'web', engine)))[0] ?? '',
      /: Run: crictl update --memory \d+ \S+$/,
    );
  }
  for (const engine of ENGINE_NAMES)
    for (const change of [{ memory: MIB }, { cpu: 0.5 }, { pids: 10 }])
      t.not(fixOf(ENGINES[engine], { id: 'web', name: 'web' }, change), '', engine);
});

test('throttled while idle, and not while it uses what it may', async (t) => {
  t.deepEqual(await advice(one({}, { cpu: 0.2, throttled: 0.3 })), [
    'adopted_throttled_idle: Run: docker update --cpus 2 web',
  ]);
  t.deepEqual(await advice(one({}, { cpu: 0.9, throttled: 0.3 }), one({}, { cpu: 0.2, throttled: 0.01 })), []);
});

test('one condition for all of a kind, which names three', async (t) => {
  const many = ['a', 'b', 'c', 'd', 'e'].map((name) => one({ pids: null }, { pids: 1 }, name));
  const [condition] = await adviceOf(many, () => 'x');
  t.regex(condition?.why ?? '', /^docker a, docker b, docker c and 2 more: /);
});

test('a name of a stranger is one word of the command, or is not in it', (t) => {
  for (const engine of ENGINE_NAMES) {
    const name = "x'; rm -rf / #";
    const text = ENGINES[engine].command({ id: name, name }, { memory: MIB, cpu: 0.5, pids: 10 }) ?? '';
    t.false(text.replaceAll(/'(?:[^']|'\\'')*'/g, '').includes('rm -rf'), `${engine}: ${text}`);
  }
});
