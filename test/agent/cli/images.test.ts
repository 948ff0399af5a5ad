// `berth image`: what is asked of the agent, and what a person gets of it.
import test from 'ava';
import type { ImageView } from '../../../agent/model/image-view.js';
import { BerthError } from '../../../protocol/errors.js';
import { berth, fakeAgent, NOW } from './fake.js';

const [A, B] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string];
const image = (digest: string, names: readonly string[], over: Partial<ImageView> = {}): ImageView => ({
  ...{ digest, names, fetched: 10 << 20, unpacked: 30 << 20, pulledAt: NOW - 7_200_000, usedAt: NOW - 3_600_000 },
  usedBy: [],
  ...over,
});
const web = { workload: 'web-1', tenant: 'acme' };
const USED = image(A, ['docker://docker.io/library/debian:13', 'docker://docker.io/library/debian:latest'], {
  usedBy: [web],
  moreUsers: 4,
});
const SPARE = image(B, []);

const listing = (...images: ImageView[]) => ({
  'image.list': () => ({ images, pulling: [{ image: 'oci:/srv/x', phase: 'unpack' as const, layer: 2, layers: 5 }] }),
});

test('list has a line for each name, who uses it, and what is being pulled', async (t) => {
  const agent = fakeAgent(listing(USED, SPARE));
  const { exit, out } = await berth('image list', { agent });
  t.is(exit, 0);
  t.deepEqual(
    out.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['IMAGE', 'DIGEST', 'SIZE', 'PULLED', 'USED'],
      ['(no name)', 'bbbbbbbbbbbb', '30Mi', '2h', '1h ago'],
      ['docker://docker.io/library/debian:13', 'aaaaaaaaaaaa', '30Mi', '2h', 'by web-1 and 4 more'],
      ['docker://docker.io/library/debian:latest', 'aaaaaaaaaaaa', '30Mi', '2h', 'by web-1 and 4 more'],
      ['oci:/srv/x: unpacking layer 2 of 5'],
      [''],
    ],
  );
  const json = JSON.parse((await berth('image list --json', { agent })).out);
  t.deepEqual(json.images, [USED, SPARE]);
});

test('list asks page after page', async (t) => {
  const agent = fakeAgent({
    'image.list': ({ cursor }) =>
      cursor === undefined ? { images: [USED], pulling: [], next: A } : { images: [SPARE], pulling: [] },
  });
  t.is(JSON.parse((await berth('image list --json', { agent })).out).images.length, 2);
  t.like(agent.calls[1]?.params, { cursor: A });
});

test('pull takes short names, says what came, and goes on after one that fails', async (t) => {
  const agent = fakeAgent({
    'image.pull': ({ image: name }) => {
      if (name === 'docker://none') throw new BerthError('image_pull_failed', `the image ${name} was not pulled: gone`);
      return USED;
    },
  });
  const { exit, out, err } = await berth('image pull none debian:13', { agent });
  t.is(exit, 1);
  t.regex(err, /^berth: the image docker:\/\/none was not pulled: gone\n/);
  t.is(out, 'docker://docker.io/library/debian:13 aaaaaaaaaaaa, 30Mi\n');
  t.deepEqual(agent.calls.at(-1)?.params, { image: 'docker://debian:13', pull: 'always' });
  await berth('image pull --missing oci:/srv/app:v1', { agent });
  t.deepEqual(agent.calls.at(-1)?.params, { image: 'oci:/srv/app:v1', pull: 'missing' });
  const json = JSON.parse((await berth('image pull debian:13 --json', { agent })).out);
  t.like(json.results[0], { id: 'debian:13', outcome: 'pulled', image: { digest: A } });
});

test('on a terminal a pull says how far it is, as the events of this image tell', async (t) => {
  // The clock of the progress line keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  let pulled: (view: ImageView) => void = () => undefined;
  const agent = fakeAgent({
    'image.pull': () =>
      new Promise((resolve) => {
        pulled = resolve;
      }),
  });
  const said: string[] = [];
  let now = NOW;
  const running = berth('image pull debian:13', {
    agent,
    errIsTerminal: true,
    now: () => {
      now += 2000;
      return now;
    },
    err: async (text) => {
      said.push(String(text));
      if (said.at(-1)?.includes('unpacking layer 3 of 7') === true) pulled(USED);
    },
  });
  agent.onListen = () =>
    setImmediate(() => {
      const name = 'docker://docker.io/library/debian:13';
      agent.emit({ type: 'image.pulling', data: { image: name, phase: 'unpack', layer: 3, layers: 7 } });
      agent.emit({ type: 'image.pulling', data: { image: 'another', phase: 'fetch', layer: 0, layers: 0 } });
    });
  t.is((await running).exit, 0);
  t.false(said.some((text) => text.includes('another') || text.includes('fetching')));
});

test('delete takes names, digests and the beginning of one', async (t) => {
  const agent = fakeAgent({
    ...listing(USED, SPARE),
    'image.delete': () => ({ images: [{ digest: B, names: ['docker://docker.io/library/spare:1'] }], freed: 1 << 20 }),
  });
  const asked = async (text: string): Promise<unknown> => {
    t.is(
      (await berth(['image', 'delete', text], { agent })).out,
      'docker://docker.io/library/spare:1 deleted, 1Mi freed\n',
    );
    return (agent.calls.at(-1)?.params as { image: string } | undefined)?.image;
  };
  t.is(await asked('spare:1'), 'docker://spare:1');
  t.is(await asked(B), B);
  t.is(await asked('bbbbbbbbbbbb'), B);
  t.is(await asked('sha256:aaaaaaaaaaaaaa'), A);
  // Digits that are no digest here: a name may look so.
  t.is(await asked('cccccccccccc'), 'docker://cccccccccccc');
});

test('the beginning of several digests is refused', async (t) => {
  const close = `sha256:${'a'.repeat(63)}0`;
  const { exit, err } = await berth('image delete aaaaaaaaaaaa', { agent: fakeAgent(listing(USED, image(close, []))) });
  t.is(exit, 2);
  t.regex(err, /2 images have a digest that begins with aaaaaaaaaaaa/);
});

test('prune: a day by default, or as told; a dry run says so', async (t) => {
  const agent = fakeAgent({
    'image.prune': () => ({ images: [{ digest: B, names: ['oci:/srv/x'] }], freed: 3 << 20 }),
  });
  t.is((await berth('image prune', { agent })).out, 'oci:/srv/x bbbbbbbbbbbb\n3Mi freed\n');
  t.deepEqual(agent.calls.at(-1)?.params, { unusedFor: 86_400_000, dryRun: false });
  t.is(
    (await berth('image prune --all --dry-run', { agent })).out,
    'oci:/srv/x bbbbbbbbbbbb: would be deleted\n3Mi would be freed\n',
  );
  t.deepEqual(agent.calls.at(-1)?.params, { unusedFor: 0, dryRun: true });
  await berth('image prune --unused-for 7d', { agent });
  t.like(agent.calls.at(-1)?.params, { unusedFor: 7 * 86_400_000 });
  t.is((await berth('image prune --unused-for soon', { agent })).exit, 2);
});
