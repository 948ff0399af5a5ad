// `berth image list | pull | delete | prune`.
import { BerthError } from '../../../protocol/errors.js';
import { MOST_ON_PAGE } from '../../base/pages.js';
import { formatSize, parseDuration } from '../../base/units.js';
import { DIGEST_PATTERN, imageFromShortName } from '../../model/image-reference.js';
import type { ImageView, PullView, RemovedImages } from '../../model/image-view.js';
import type { Answer, Client, Context } from '../command.js';
import { type Done, forEach } from '../each.js';
import { formatAge } from '../format.js';
import { pages } from '../pages.js';
import { pullText, watchPull } from '../pull-progress.js';
import { type Column, table } from '../table.js';

const DIGITS = 12;
/** Of a digest, long enough for one image. */
const BEGINNING = /^(?:sha256:)?([0-9a-f]{12,64})$/;
const UNNAMED = '(no name)';

export async function list(context: Context): Promise<Answer> {
  const { images, pulling } = await allImages(await context.client());
  const rows = images
    .flatMap((image) => (image.names.length === 0 ? [UNNAMED] : image.names).map((name) => ({ name, image })))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const now = context.host.now();
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: 'IMAGE', least: 20, cell: ({ name }) => name },
    { title: 'DIGEST', cell: ({ image }) => shortDigest(image.digest) },
    { title: 'SIZE', right: true, cell: ({ image }) => formatSize(image.unpacked) },
    { title: 'PULLED', right: true, cell: ({ image }) => formatAge(now - image.pulledAt) },
    { title: 'USED', cell: ({ image }) => usedText(image, now) },
  ];
  const under = pulling.map((pull) => `${pull.image}: ${pullText(pull)}\n`);
  return { document: { images, pulling }, text: table(columns, rows, context.style) + under.join('') };
}

export async function pull(context: Context): Promise<Answer> {
  const client = await context.client();
  return forEach(context, context.args, async (at, progress): Promise<Done> => {
    const image = imageFromShortName(context.args[at] ?? '');
    progress.say(`pulling ${image}`);
    const watched = watchPull(context, client, image, (text) => progress.say(`${image}: ${text}`));
    try {
      const view = await client.call('image.pull', { image, pull: context.flag('missing') ? 'missing' : 'always' });
      const [name = image] = view.names;
      const line = `${name} ${shortDigest(view.digest)}, ${formatSize(view.unpacked)}`;
      return { outcome: 'pulled', image: view, line };
    } finally {
      watched.stop();
    }
  });
}

export async function remove(context: Context): Promise<Answer> {
  const client = await context.client();
  return forEach(context, context.args, async (at): Promise<Done> => {
    const removed = await client.call('image.delete', { image: await named(client, context.args[at] ?? '') });
    const names = removed.images.flatMap((image) => image.names);
    return { outcome: 'deleted', removed, line: `${names.join(', ')} deleted, ${formatSize(removed.freed)} freed` };
  });
}

export async function prune(context: Context): Promise<Answer> {
  const text = context.option('unused-for') ?? '';
  const unusedFor = context.flag('all') ? 0 : parseDuration(text);
  if (unusedFor === undefined)
    throw new BerthError('usage', `--unused-for must be a duration such as 24h or 7d; it is ${JSON.stringify(text)}`);
  const dryRun = context.flag('dry-run');
  const client = await context.client();
  const removed: RemovedImages = await client.call('image.prune', { unusedFor, dryRun });
  const lines = removed.images.map(
    ({ names, digest }) =>
      `${names.join(', ') || UNNAMED} ${shortDigest(digest)}${dryRun ? ': would be deleted' : ''}\n`,
  );
  const total = `${formatSize(removed.freed)} ${dryRun ? 'would be freed' : 'freed'}\n`;
  return { document: removed, text: lines.join('') + total };
}

async function allImages(client: Client): Promise<{ images: ImageView[]; pulling: PullView[] }> {
  const images: ImageView[] = [];
  const pulling: PullView[] = [];
  for await (const answer of pages(client, 'image.list', {}, MOST_ON_PAGE)) {
    images.push(...answer.images);
    pulling.push(...answer.pulling);
  }
  return { images, pulling };
}

/** What the agent takes: a whole digest or a name. Twelve digits that begin no digest may be a name. */
async function named(client: Client, text: string): Promise<string> {
  if (DIGEST_PATTERN.test(text)) return text;
  const [, digits] = BEGINNING.exec(text) ?? [];
  if (digits === undefined) return imageFromShortName(text);
  const { images } = await allImages(client);
  const found = images.map(({ digest }) => digest).filter((digest) => digest.startsWith(`sha256:${digits}`));
  if (found.length > 1)
    throw new BerthError('usage', `${found.length} images have a digest that begins with ${digits}`);
  return found[0] ?? imageFromShortName(text);
}

function shortDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + DIGITS);
}

function usedText({ usedBy, moreUsers = 0, usedAt }: ImageView, now: number): string {
  if (usedBy.length === 0) return `${formatAge(now - usedAt)} ago`;
  const [first, ...others] = usedBy.map(({ workload }) => workload);
  const more = others.length + moreUsers;
  return more === 0 ? `by ${first}` : `by ${first} and ${more} more`;
}
