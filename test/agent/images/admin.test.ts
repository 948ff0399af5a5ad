// What sessions may ask of images: one suite, run against the fake of the control room's tests and against the real store. And
// what is of the real one alone: layers that images share, events, a store that is asked for several things at once.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ImageAdmin } from '../../../agent/images/admin.js';
import type { Images } from '../../../agent/images/images.js';
import { Places } from '../../../agent/images/places.js';
import type { ImageUser, StoredImage } from '../../../agent/images/types.js';
import type { EventActor, NewEvent } from '../../../agent/model/event.js';
import {
  ALIAS,
  fakeImages,
  IMAGES,
  type ImageService,
  SHARED,
  SHARED_DIGEST,
  SPARE,
  SPARE_DIGEST,
  storedImage,
  USERS,
} from '../control/fake-images.js';
import { directoryOf, openImages } from './fixture.js';

const ALL = { tenants: null };
const ACME = { tenants: new Set(['acme']) };
const NOBODY = { tenants: new Set(['initech']) };
const DAY_MS = 86_400_000;
const signal = new AbortController().signal;

interface Real {
  readonly service: ImageService;
  readonly images: Images;
  readonly events: NewEvent[];
  readonly places: Places;
}

/** A store that has these images already. */
async function real(t: ExecutionContext, stored = IMAGES, users: readonly ImageUser[] = USERS): Promise<Real> {
  const state = await directoryOf(t);
  const places = new Places(state);
  for (const path of [places.images, places.layers, join(places.blobs, 'sha256')])
    await mkdir(path, { recursive: true });
  for (const image of stored) {
    await writeFile(places.image(image.digest), JSON.stringify(image));
    await writeFile(places.blob(image.digest), '');
    for (const { chainId } of image.layers) {
      await mkdir(places.layer(chainId), { recursive: true });
      await writeFile(places.layerFile(chainId), JSON.stringify({ chainId, bytes: 100 }));
    }
  }
  const { images, events } = await openImages(state, {}, { users: () => users, now: () => 1000 + DAY_MS });
  const admin = new ImageAdmin(images, { append: (event) => events.push(event) });
  const service: ImageService = {
    images: (filter) => admin.list(filter),
    imagePulls: (scope) => admin.pulls(scope),
    pullImage: (name, request) => admin.pull(name, request),
    deleteImage: (image, by) => admin.delete(image, by),
    pruneImages: (request) => admin.prune(request),
  };
  return { service, images, events, places };
}

function conformance(name: string, open: (t: ExecutionContext) => Promise<ImageService>): void {
  const on = (title: string, body: (t: ExecutionContext, service: ImageService) => Promise<unknown>): void => {
    test(`${name}: ${title}`, async (t) => void (await body(t, await open(t))));
  };

  on('a session without scopes sees every image with all its names and users, by digest', async (t, service) => {
    t.deepEqual(service.images(ALL), [
      {
        ...{ digest: SHARED_DIGEST, names: [ALIAS, SHARED], fetched: 10, unpacked: 100, pulledAt: 1000, usedAt: 1000 },
        usedBy: [
          { workload: 'other', tenant: 'globex' },
          { workload: 'web', tenant: 'acme' },
        ],
      },
      {
        ...{ digest: SPARE_DIGEST, names: [SPARE], fetched: 10, unpacked: 100, pulledAt: 1000, usedAt: 1000 },
        usedBy: [],
      },
    ]);
    t.deepEqual(
      service.images({ ...ALL, after: SHARED_DIGEST }).map(({ digest }) => digest),
      [SPARE_DIGEST],
    );
    t.is(service.images({ ...ALL, most: 1 }).length, 1);
  });

  on('a session with scopes sees what its workloads have, by their names for it', async (t, service) => {
    const [image, ...others] = service.images(ACME);
    t.deepEqual(others, []);
    t.deepEqual([image?.names, image?.usedBy], [[SHARED], [{ workload: 'web', tenant: 'acme' }]]);
    t.deepEqual(service.images(NOBODY), []);
  });

  on('a name that is here already is answered, whoever asks, by that name alone', async (t, service) => {
    const pulled = await service.pullImage('docker://spare:1', { ...ACME, policy: 'missing', signal });
    t.deepEqual([pulled.digest, pulled.names, pulled.usedBy], [SPARE_DIGEST, [SPARE], []]);
    t.deepEqual(service.imagePulls(ALL), []);
  });

  on('the last name of an image that is used stays, and the error says who uses it', async (t, service) => {
    t.deepEqual(await service.deleteImage(ALIAS), { images: [{ digest: SHARED_DIGEST, names: [ALIAS] }], freed: 0 });
    const error = await t.throwsAsync(async () => service.deleteImage(SHARED), { code: 'image_in_use' });
    t.regex(error?.message ?? '', /used by (web|other), (web|other)$/);
    t.like((error as Error & { data: object }).data, { count: 2 });
    t.deepEqual(service.images(ACME)[0]?.names, [SHARED]);
  });

  on('a digest stands for all names', async (t, service) => {
    await t.throwsAsync(async () => service.deleteImage(SHARED_DIGEST), { code: 'image_in_use' });
    t.is(service.images(ALL)[0]?.names.length, 2);
    const removed = await service.deleteImage(SPARE_DIGEST);
    t.deepEqual(removed, { images: [{ digest: SPARE_DIGEST, names: [SPARE] }], freed: 110 });
    t.deepEqual(
      service.images(ALL).map(({ digest }) => digest),
      [SHARED_DIGEST],
    );
  });

  on('what is not here is image_unknown', async (t, service) => {
    for (const image of ['docker://nothing:1', `sha256:${'0'.repeat(64)}`])
      await t.throwsAsync(async () => service.deleteImage(image), { code: 'image_unknown' });
  });

  on('prune deletes what nobody uses; a dry run says what that would be', async (t, service) => {
    const request = { ...ALL, unusedFor: 0, dryRun: false };
    const spare = { images: [{ digest: SPARE_DIGEST, names: [SPARE] }], freed: 110 };
    t.deepEqual(await service.pruneImages({ ...request, dryRun: true }), spare);
    t.is(service.images(ALL).length, 2);
    t.deepEqual(await service.pruneImages(request), spare);
    t.deepEqual(await service.pruneImages(request), { images: [], freed: 0 });
    t.deepEqual(
      service.images(ALL).map(({ digest }) => digest),
      [SHARED_DIGEST],
    );
  });

  on('a session with scopes is not told what others have pruned', async (t, service) => {
    t.deepEqual(await service.pruneImages({ ...ACME, unusedFor: 0, dryRun: false }), { images: [], freed: 110 });
    t.is(service.images(ALL).length, 1);
  });
}

conformance('fake', async () => fakeImages([]));
conformance('real', async (t) => (await real(t)).service);

test('prune leaves what was used within the time', async (t) => {
  const { service } = await real(t);
  const prune = (unusedFor: number) => service.pruneImages({ ...ALL, unusedFor, dryRun: true });
  t.deepEqual((await prune(DAY_MS + 1)).images, []);
  t.is((await prune(DAY_MS)).images.length, 1);
});

const CHAIN = `sha256:${'c'.repeat(64)}`;
const layered = (digest: string, name: string): StoredImage => {
  const image = storedImage(digest, [name]);
  return { ...image, layers: [{ chainId: CHAIN, digest: CHAIN, size: 10 }, ...image.layers] };
};

test('a layer that another image has stays, and is not counted as freed', async (t) => {
  const { service, places } = await real(t, [layered(SHARED_DIGEST, SHARED), layered(SPARE_DIGEST, SPARE)]);
  t.is((await service.deleteImage(SPARE)).freed, 110);
  t.deepEqual(
    [CHAIN, SHARED_DIGEST, SPARE_DIGEST].map((chainId) => existsSync(places.layer(chainId))),
    [true, true, false],
  );
});

test('what a session asked for carries who it was; what berth deletes by itself has nobody', async (t) => {
  const { service, images, events } = await real(t);
  const by: EventActor = { role: 'operator', uid: 0 };
  await service.pullImage('docker://spare:1', { ...ALL, policy: 'missing', signal, by });
  await service.deleteImage(ALIAS, by);
  await images.prune();
  t.deepEqual(events, [
    { type: 'image.requested', data: { image: SPARE, pull: 'missing' }, actor: by },
    { type: 'image.deleted', data: { image: ALIAS }, actor: by },
    { type: 'image.deleted', data: { image: SPARE } },
  ]);
});

test('deleted by several at once, an image goes once', async (t) => {
  const { service, places } = await real(t);
  const ends = await Promise.allSettled([
    ...[SPARE, SPARE_DIGEST, ALIAS].map((image) => service.deleteImage(image)),
    service.pruneImages({ ...ALL, unusedFor: 0, dryRun: false }),
  ]);
  t.is(ends[0]?.status, 'fulfilled');
  t.deepEqual(
    service.images(ALL).map(({ names }) => names),
    [[SHARED]],
  );
  t.false(existsSync(places.layer(SPARE_DIGEST)));
  t.true(existsSync(places.layer(SHARED_DIGEST)));
});

test('before the workloads are known nothing is deleted', async (t) => {
  const { images } = await openImages(await directoryOf(t), {}, { users: () => undefined });
  t.throws(() => images.idle(0), { code: 'shutting_down' } as object);
  await t.throwsAsync(async () => images.prune(), { code: 'shutting_down' } as object);
});
