// Images from layouts, archives and registries, by the real skopeo.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Images } from '../../../agent/images/images.js';
import type { StoredImage } from '../../../agent/images/types.js';
import type { RunApart } from '../../../agent/images/unpacker.js';
import { eventually } from '../drivers/host.js';
import { directoryOf, openImages, runAsChild } from './fixture.js';
import { type ImageOptions, writeLayout } from './layout.js';
import { type Fault, startFaulty, startRegistry } from './registry.js';
import { dir, file } from './tar-writer.js';

const BASE = { entries: [dir('etc'), file('etc/base', 'base')] };
const TOP = { entries: [file('etc/top', 'top')] };
const missing = { policy: 'missing' } as const;
const always = { policy: 'always' } as const;

async function layoutOf(t: ExecutionContext, options: ImageOptions = { layers: [BASE, TOP] }) {
  const directory = join(await directoryOf(t), 'image');
  return { directory, name: `oci:${directory}:latest`, ...(await writeLayout(directory, options)) };
}

/** Contents of each layer from the top, as `etc` has them. */
async function contentOf(images: Images, image: StoredImage): Promise<string[]> {
  const { directory, names } = images.layersOf(image);
  const found = await Promise.all(names.map((name) => readdir(join(directory, name, 'etc'))));
  return found.map((files) => files.join(' '));
}

/** Everything below the store but the records: what nothing refers to must not be there. */
async function leftOf(state: string): Promise<string[]> {
  const all = await readdir(join(state, 'images'), { recursive: true });
  return all.filter((path) => /^(pulls|layers|blobs\/sha256|by-digest)\//.test(path)).sort();
}

test.serial('an image of a directory is unpacked once, whoever asks, and known to the next agent', async (t) => {
  const state = await directoryOf(t);
  const layout = await layoutOf(t);
  const { images, events } = await openImages(state);
  t.throws(() => images.check(layout.name, 'never'), { code: 'image_unknown' } as object);
  const pulled = await Promise.all(Array.from({ length: 10 }, () => images.pull(layout.name, missing)));
  t.is(new Set(pulled.map(({ digest }) => digest)).size, 1);
  t.is(pulled[0]?.digest, layout.digest);
  t.like(images.counts(), { ok: 1, failed: 0 });
  t.is(events.filter(({ type }) => type === 'image.pulled').length, 1);
  const [first] = pulled;
  t.deepEqual(first && (await contentOf(images, first)), ['top', 'base']);
  const next = await openImages(state);
  const again = await next.images.pull(layout.name, { policy: 'never' });
  t.deepEqual(again, first);
  t.deepEqual(next.images.counts(), { ok: 0, failed: 0, seconds: 0 });
});

test.serial('images share the layers that they have in common, and what nothing has is removed', async (t) => {
  const state = await directoryOf(t);
  const { images, used } = await openImages(state);
  const one = await layoutOf(t);
  const two = await layoutOf(t, { layers: [BASE, { entries: [file('etc/other', 'other')] }] });
  const [first, second] = await Promise.all([images.pull(one.name, missing), images.pull(two.name, missing)]);
  t.is(first?.layers[0]?.chainId, second?.layers[0]?.chainId);
  const directories = (await readdir(join(state, 'images', 'layers'))).filter((name) => !name.endsWith('.json'));
  t.is(directories.length, 3);
  used.add(first?.digest ?? '');
  await t.throwsAsync(images.delete(one.name), { code: 'image_in_use' } as object);
  const pruned = await images.prune();
  t.deepEqual(pruned.images, [{ digest: second?.digest, names: [two.name] }]);
  t.true(pruned.freed > 0);
  t.deepEqual(await contentOf(images, first as StoredImage), ['top', 'base']);
  used.clear();
  await images.delete(one.name);
  t.deepEqual(await leftOf(state), ['blobs/sha256'].slice(1));
  await t.throwsAsync(images.delete(one.name), { code: 'image_unknown' } as object);
});

test.serial('archives of OCI and of docker, a pinned digest, and the settings of the image', async (t) => {
  const { images } = await openImages(await directoryOf(t));
  const config = {
    Env: ['A=b'],
    Entrypoint: ['/bin/tool'],
    Cmd: ['arg'],
    User: '7:8',
    WorkingDir: '/etc',
    StopSignal: 'SIGINT',
    ExposedPorts: { '80/tcp': {} },
  };
  const layout = await layoutOf(t, { layers: [BASE, TOP], config });
  const run = promisify(execFile);
  const archive = `${layout.directory}.tar`;
  const docker = `${layout.directory}.docker`;
  await run('skopeo', ['copy', '--quiet', layout.name, `oci-archive:${archive}:latest`]);
  await run('skopeo', ['copy', '--quiet', layout.name, `docker-archive:${docker}:app:one`]);
  const first = await images.pull(`oci-archive:${archive}`, missing);
  const second = await images.pull(`docker-archive:${docker}:docker.io/library/app:one`, missing);
  t.deepEqual(await contentOf(images, second), ['top', 'base']);
  t.is(first.digest, layout.digest);
  t.deepEqual(first.image, {
    ...{ env: ['A=b'], entrypoint: ['/bin/tool'], command: ['arg'], user: '7:8', workingDirectory: '/etc' },
    ...{ stopSignal: 'SIGINT', exposedPorts: ['80/tcp'] },
  });
  t.is((await images.pull(`${layout.name}@${layout.digest}`, missing)).digest, layout.digest);
  const wrong = `${layout.name}@sha256:${'0'.repeat(64)}`;
  await t.throwsAsync(images.pull(wrong, missing), {
    code: 'image_invalid',
    message: /its source has the digest/,
  } as object);
});

test.serial('an image of a registry; a tag that moves leaves the image to who has it', async (t) => {
  const registry = await startRegistry(t);
  const state = await directoryOf(t);
  const { images, used } = await openImages(state, { registries_conf: registry.conf, registries: [registry.host] });
  const [one, two] = [await layoutOf(t), await layoutOf(t, { layers: [TOP] })];
  const name = `docker://${registry.host}/team/app:v1`;
  await registry.push(one.directory, 'team/app:v1');
  const first = await images.pull(name, missing);
  t.is(first.digest, one.digest);
  await registry.push(two.directory, 'team/app:v1');
  t.is((await images.pull(name, missing)).digest, one.digest);
  used.add(one.digest);
  t.is((await images.pull(name, always)).digest, two.digest);
  t.is((await images.pull(name, always)).digest, two.digest);
  await images.tidy();
  t.deepEqual(await contentOf(images, first), ['top', 'base']);
  t.is((await images.pull(`docker://${registry.host}/team/app@${one.digest}`, missing)).digest, one.digest);
  await t.throwsAsync(images.pull(`docker://${registry.host}/team/none`, missing), {
    code: 'image_pull_failed',
  } as object);
  await t.throwsAsync(images.pull('docker://example.com/x', missing), { code: 'not_permitted' } as object);
});

const size = (layer: object, bytes: number): ImageOptions => ({ layers: [{ ...BASE, ...layer, size: bytes }] });
const other = { os: 'linux', architecture: 'sparc' };

/** Images that are refused, with the reason; each leaves nothing. */
const BAD: Readonly<Record<string, readonly [ImageOptions, RegExp, object?]>> = {
  'of another platform': [{ layers: [BASE], platform: other }, /linux\/sparc|not made for/],
  'of layers that are others than told': [
    { layers: [{ ...BASE, diffId: `sha256:${'1'.repeat(64)}` }] },
    /is not sha256:1/,
  ],
  'with a layer of another digest': [
    {
      layers: [BASE],
      spoil: (blobs, { layers }) => writeFile(join(blobs, layers[0]?.slice(7) ?? ''), 'something else'),
    },
    /digest|size/i,
  ],
  'with a configuration of another digest': [
    { layers: [BASE], spoil: (blobs, { config }) => writeFile(join(blobs, config.slice(7)), '{}') },
    /digest|size|config/i,
  ],
  'without one of its blobs': [
    { layers: [BASE], spoil: (blobs, { layers }) => rm(join(blobs, layers[0]?.slice(7) ?? '')) },
    /no such file/,
  ],
  'larger than allowed': [
    { layers: [BASE, { entries: [file('big', Buffer.alloc(1 << 20))] }] },
    /max_size/,
    { max_size: '64Ki' },
  ],
  'with more files than allowed': [{ layers: [BASE] }, /max_files/, { max_files: 1 }],
  'with a layer larger than told': [size({}, 10), /larger than its manifest|size|digest/i],
  'with a name that goes up': [{ layers: [{ entries: [file('../up', '')] }] }, /entry of the name/],
};

for (const [what, [options, message, settings = {}]] of Object.entries(BAD))
  test.serial(`refused: an image ${what}`, async (t) => {
    const state = await directoryOf(t);
    const { images } = await openImages(state, { ...settings });
    const { name } = await layoutOf(t, options);
    const error = await t.throwsAsync(images.pull(name, missing), { message });
    t.true(['image_invalid', 'image_pull_failed'].includes((error as Error & { code: string }).code), String(error));
    t.deepEqual(images.list(), []);
    await images.tidy();
    t.deepEqual(await leftOf(state), []);
  });

const endless: Fault = (response) => {
  const more = (): void => {
    while (response.write(Buffer.alloc(1 << 20, 7)) && !response.destroyed);
    response.once('drain', more);
  };
  more();
};
const ends: Fault = (response, content) => {
  response.setHeader('content-length', content.length);
  response.write(content.subarray(0, content.length / 2));
  setImmediate(() => response.destroy());
};

const FAULTS: Readonly<Record<string, readonly [Readonly<Record<string, Fault>>, RegExp, object?]>> = {
  'sends a blob without end': [{ blobs: endless }, /too large|digest|size/i],
  'sends a manifest without end': [{ manifests: endless }, /manifest|size|large/i],
  'ends in the middle': [{ blobs: ends }, /EOF|reset|unexpected/i],
  'sends something else': [{ blobs: (response) => response.end('nothing of it') }, /digest|size|did not match/i],
  fails: [{ blobs: (response) => response.writeHead(500).end() }, /500/],
  'never answers': [{ manifests: () => undefined }, /pull_deadline/, { pull_deadline: '1s' }],
};

for (const [what, [faults, message, settings = {}]] of Object.entries(FAULTS))
  test.serial(`refused: a registry that ${what}`, async (t) => {
    const layout = await layoutOf(t, {
      layers: [{ entries: [file('etc/f', Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i) % 251)))] }],
    });
    const registry = await startFaulty(t, layout.directory, faults);
    const state = await directoryOf(t);
    const { images } = await openImages(state, { registries_conf: registry.conf, ...settings });
    await t.throwsAsync(images.pull(`docker://${registry.host}/app`, missing), {
      code: 'image_pull_failed',
      message,
    } as object);
    await images.tidy();
    t.deepEqual(await leftOf(state), []);
  });

test.serial('who does not wait any more stops a pull, and others who wait keep it', async (t) => {
  const layout = await layoutOf(t);
  const held: (() => void)[] = [];
  const hold: Fault = (response, content) => held.push(() => response.end(content));
  const registry = await startFaulty(t, layout.directory, { manifests: hold });
  const { images } = await openImages(await directoryOf(t), { registries_conf: registry.conf });
  const name = `docker://${registry.host}/app`;
  const [one, two] = [new AbortController(), new AbortController()];
  const first = images.pull(name, { ...missing, signal: one.signal });
  const second = images.pull(name, { ...missing, signal: two.signal });
  await eventually(async () => (held.length > 0 ? true : undefined));
  one.abort(new Error('gone'));
  await t.throwsAsync(first, { message: 'gone' });
  t.is(images.progress().size, 1);
  two.abort(new Error('gone, too'));
  await t.throwsAsync(second, { message: 'gone, too' });
  await eventually(async () => (images.progress().size === 0 ? true : undefined));
});

test.serial(
  'killed in the middle of a pull or of unpacking, nothing half is used, and the next agent has the image',
  async (t) => {
    const layout = await layoutOf(t);
    const program = fileURLToPath(new URL('./pull-program.js', import.meta.url));
    let slow = true;
    const wait: Fault = (response, content) => (slow ? undefined : response.end(content));
    const registry = await startFaulty(t, layout.directory, { [layout.layers[1] ?? '']: wait });
    const state = await directoryOf(t);
    const name = `docker://${registry.host}/app`;
    const pull = async (until: () => Promise<unknown>): Promise<void> => {
      const child = spawn(process.execPath, [program, state, name, registry.conf], { stdio: 'ignore' });
      await eventually(until);
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };
    // The first blob is there, the second on its way.
    await pull(async () => (registry.asked.some((path) => path.includes(layout.layers[1] ?? '?')) ? true : undefined));
    // skopeo has ended with the process that began it.
    await eventually(async () => ((await commandLines()).some((line) => line.includes(state)) ? undefined : true));
    slow = false;
    const opened = await openImages(state, { registries_conf: registry.conf });
    t.deepEqual(opened.images.list(), []);
    t.deepEqual(await readdir(join(state, 'images', 'pulls')), []);

    // Every moment between two steps of a pull is a copy of the state directory: what a crash there leaves.
    const copies = await directoryOf(t);
    let count = 0;
    const copy = async (): Promise<void> => cp(state, join(copies, String(count++)), { recursive: true });
    const events = { append: () => undefined };
    const run: RunApart = async (argv, options) => {
      await copy();
      const end = await runAsChild(argv, options);
      await copy();
      return end;
    };
    const { images } = await openImages(state, { registries_conf: registry.conf }, { run, events });
    const image = await images.pull(name, missing);
    await copy();
    t.is(count, 5);
    for (let at = 0; at < count; at++) {
      const next = await openImages(join(copies, String(at)), { registries_conf: registry.conf });
      t.is(next.images.list().length, at === count - 1 ? 1 : 0, `copy ${at}`);
      const found = await next.images.pull(name, missing);
      t.is(found.digest, image.digest);
      t.deepEqual(await contentOf(next.images, found), ['top', 'base']);
      await next.images.tidy();
      t.is((await leftOf(next.state)).filter((path) => path.endsWith('.tmp')).length, 0);
    }
  },
);

test.serial('a layer or a blob that was damaged on disk is fetched and unpacked anew', async (t) => {
  const state = await directoryOf(t);
  const layout = await layoutOf(t);
  const first = await openImages(state);
  const image = await first.images.pull(layout.name, missing);
  const blob = join(state, 'images', 'blobs', 'sha256', image.layers[1]?.digest.slice(7) ?? '');
  const whole = await readFile(blob);
  const { directory, names } = first.images.layersOf(image);
  await rm(join(directory, names[0] ?? ''), { recursive: true });
  await writeFile(blob, Buffer.alloc(whole.length));
  const { images } = await openImages(state);
  t.deepEqual(images.list(), []);
  await t.throwsAsync(images.pull(layout.name, missing), { code: 'image_invalid' } as object);
  t.deepEqual(await contentOf(images, await images.pull(layout.name, missing)), ['top', 'base']);
});

async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
