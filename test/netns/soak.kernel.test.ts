// Hundreds of cycles (BERTH_SOAK_CYCLES: so many) with the process killed again and again at any instruction: nothing may be left that the next life
// cannot complete or remove.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { removalOf } from '../../netns/defaults.js';
import { openNetworkRoom } from '../../netns/index.js';
import { command } from './lab.js';
import { SOAK_SIZE, soakNames, soakNetwork, soakSettings } from './soak.js';

const CYCLES = Number(process.env.BERTH_SOAK_CYCLES ?? 400);
const LIFE = fileURLToPath(new URL('./soak-life.js', import.meta.url));
const { pid } = process;

/** Lives until it has done some of its work and then dies at a random moment; returns its finished removals. */
async function live(seed: number): Promise<number> {
  const child = spawn(process.execPath, [LIFE, String(pid), String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let done = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    done += text;
  });
  const ended = once(child, 'exit');
  const [first] = await Promise.race([once(child.stdout, 'data'), ended]);
  if (typeof first !== 'string') throw new Error('a life ended before it began');
  await new Promise((resolve) => setTimeout(resolve, 300 + ((seed * 7919) % 2500)));
  child.kill('SIGKILL');
  const [code] = await ended;
  if (code !== null) throw new Error(`a life ended by itself with ${code}`);
  return done.split('d').length - 1;
}

test('cycles with kills leave nothing', async (t) => {
  t.timeout(540_000);
  const names = soakNames(pid);
  const settings = soakSettings(pid);
  let cycles = 0;
  let lives = 0;
  try {
    while (cycles < CYCLES) cycles += await live(++lives * 31 + pid);
  } finally {
    const room = openNetworkRoom();
    await room.setup(settings);
    const networks = Array.from({ length: SOAK_SIZE }, (_, number) => soakNetwork(pid, number, 7));
    const { ownerPrefix, netnsPrefix } = names;
    const left = await room.list({ ownerPrefix, netnsPrefix });
    t.log(
      `${cycles} cycles in ${lives} lives; the last one left ${left.netns.length} namespaces, ${left.links.length} links`,
    );
    await Promise.all(networks.map((network) => room.remove(removalOf(network))));
    const swept = await room.sweep([]);
    t.log(`${swept} elements of sandboxes whose update was cut short were swept`);
    t.is(await room.sweep([]), 0);
    t.deepEqual((await room.list({ ownerPrefix, netnsPrefix: `${netnsPrefix}[0-9]` })).links, []);
    await room.teardown(settings);
    await room.close();
  }
  t.true(lives > 5);
  const links: { ifname: string }[] = JSON.parse(await command('ip -j link show'));
  const ours = names.prefix.slice(1);
  t.deepEqual(
    links
      .map(({ ifname }) => ifname)
      .filter((name) => name.slice(1).startsWith(ours) || name.startsWith(`br${names.prefix}`)),
    [],
  );
  t.deepEqual(
    (await readdir('/run/netns')).filter((name) => name.startsWith(names.netnsPrefix)),
    [],
  );
  const block = names.pool.slice(0, names.pool.lastIndexOf('.') + 1);
  t.false((await command('ip route show table all')).includes(block));
  t.false((await command('/usr/sbin/nft list tables')).includes(settings.table));
});
