// `berth cni install` on files of a directory, and the program that it writes where no agent is.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../../runner/temporary.js';
import { berth } from '../cli/fake.js';
import { Plugin } from './plugin.js';

function places() {
  const directory = temporaryDirectory('cni');
  const [bin, conf] = [join(directory, 'bin'), join(directory, 'net.d')];
  const plugin = join(bin, 'berth-cni');
  const list = join(conf, '10-berth.conflist');
  return { bin, conf, plugin, list, where: `--bin-dir ${bin} --conf-dir ${conf}` };
}

test('a dry run says what it would do, install does it once, uninstall takes it away', async (t) => {
  const { bin, conf, plugin, list, where } = places();
  const dry = await berth(`cni install ${where} --dry-run`);
  t.is(dry.out, `would write ${plugin}\nwould write ${list}\n`);
  t.false(existsSync(bin));
  const made = await berth(`cni install ${where} --connect /run/it's/b.sock --tenant acme --name shop`);
  t.is(made.out, `wrote ${plugin}\nwrote ${list}\n`);
  t.is(statSync(plugin).mode & 0o777, 0o755);
  t.is(statSync(list).mode & 0o777, 0o644);
  t.deepEqual(JSON.parse(readFileSync(list, 'utf8')), {
    cniVersion: '1.1.0',
    name: 'shop',
    plugins: [{ type: 'berth-cni', tenant: 'acme', capabilities: { portMappings: true, bandwidth: true } }],
  });
  const status = spawnSync(plugin, { env: { CNI_COMMAND: 'STATUS' }, input: '{}', encoding: 'utf8' });
  t.regex(status.stdout, /"code":50,"msg":"the agent of berth does not answer on \/run\/it's\/b.sock"/);
  const again = `cni install ${where} --connect /run/it's/b.sock --tenant acme --name shop`;
  t.is((await berth(again)).out, 'nothing to do\n');
  t.is((await berth(`cni install ${where} --tenant acme --name shop`)).out, `replaced ${plugin}\n`);
  t.is((await berth(`cni uninstall ${where}`)).out, `removed ${list}\nremoved ${plugin}\n`);
  t.deepEqual([...readdirSync(bin), ...readdirSync(conf)], []);
  t.is((await berth(`cni uninstall ${where}`)).out, 'nothing to do\n');
});

test('what berth has not written is replaced by force only, and never removed', async (t) => {
  const { bin, conf, plugin, list, where } = places();
  for (const directory of [bin, conf]) mkdirSync(directory);
  writeFileSync(plugin, '#!/bin/sh\nexit 0\n');
  writeFileSync(list, '{"name":"other","plugins":[{"type":"bridge"}]}');
  const refused = await berth(`cni install ${where}`);
  t.is(refused.exit, 1);
  t.regex(refused.err, /berth-cni exists, and berth has not written it/);
  t.is((await berth(`cni uninstall ${where}`)).out, 'nothing to do\n');
  t.regex(readFileSync(list, 'utf8'), /bridge/);
  t.is((await berth(`cni install ${where} --force`)).out, `replaced ${plugin}\nreplaced ${list}\n`);
});

for (const words of ['--name ../x', '--tenant Acme', '--bin-dir x', '--connect wss://node:1'])
  test(`refused: ${words}`, async (t) => {
    t.is((await berth(`cni install ${words}`)).exit, 2);
  });

test('the program warns of nothing, and refuses what is no UTF-8', async (t) => {
  const plugin = new Plugin(temporaryDirectory('cni'), '/nowhere');
  const { path } = plugin;
  const checked = spawnSync('perl', ['-wc', path], { encoding: 'utf8' });
  t.is(checked.stderr, `${path} syntax OK\n`);
  const input = Buffer.from([0x7b, 0xff, 0x7d]);
  const { stdout, status } = spawnSync(path, { env: { CNI_COMMAND: 'ADD' }, input, encoding: 'utf8' });
  t.is(status, 1);
  t.is(JSON.parse(stdout).code, 6);
});
