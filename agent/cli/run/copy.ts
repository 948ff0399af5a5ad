// `berth cp`: a tar stream between tar(1) of this machine and a workload.
import { statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { BerthError } from '../../../protocol/errors.js';
import type { ClientStream } from '../../control/client-stream.js';
import type { Answer, Client, Context, Tar } from '../command.js';
import { type CopyPlace, copyPlace, whatToPack, whereToUnpack } from '../copy-place.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
  const [from = '', to = ''] = context.args;
  const [source, target] = [copyPlace(from), copyPlace(to)];
  const client = await context.client();
  if (context.json) throw new BerthError('usage', 'cp has no --json: it writes nothing, or a tar archive');
  if (source.kind === 'inside' && target.kind !== 'inside') return copyOut(context, client, source, target);
  if (target.kind === 'inside' && source.kind !== 'inside') return copyIn(context, client, source, target);
  const both = source.kind === 'inside';
  throw new BerthError('usage', `${both ? 'both sides are' : 'no side is'} inside a workload`, {
    hint: both
      ? 'In two steps: `berth cp A:/FILE - | berth cp - B:/DIRECTORY`.'
      : 'Inside is ID:PATH, for example web-1:/etc/hosts.',
  });
}

type Inside = Extract<CopyPlace, { kind: 'inside' }>;
type Outside = Exclude<CopyPlace, Inside>;

async function copyOut(context: Context, client: Client, { id, path }: Inside, target: Outside): Promise<Answer> {
  const place = target.kind === 'stream' ? undefined : whereToUnpack(path, target.path, isDirectory);
  if (place === undefined && context.host.outIsTerminal)
    throw new BerthError('usage', 'a tar archive is not for a terminal: send it to a file or another program');
  const stream = await open(context, () =>
    client.open('workload.copy', { id, direction: 'from', path, ...(place === undefined ? {} : { as: place.as }) }),
  );
  if (place === undefined) return finish(context, stream, (bytes) => context.host.out(bytes));
  // As who runs this, whatever the archive says of owners.
  const tar = await context.host.tar(['-x', '-f', '-', '-C', place.directory, '--no-same-owner']);
  // Without it the rest is for nobody. At the end of the archive it ends by itself, perhaps before all has come.
  const stop = (): void => stream.close();
  void tar.ended.then((code) => (code === 0 ? undefined : stop()), stop);
  const answer = await finish(context, stream, (bytes) => tar.write(bytes)).finally(() => tar.end());
  const code = await exitCodeOf(tar);
  return code === 0 ? answer : { ...answer, exit: 1 };
}

async function copyIn(context: Context, client: Client, source: Outside, { id, path }: Inside): Promise<Answer> {
  const { host } = context;
  const pack = source.kind === 'stream' ? undefined : whatToPack(source.path);
  if (source.kind === 'here' && !exists(source.path))
    throw new BerthError('usage', `${source.path}: there is no such file or directory`);
  const stream = await open(context, () => client.open('workload.copy', { id, direction: 'to', path }));
  const tar = pack === undefined ? undefined : await host.tar(['-c', '-f', '-', '-C', pack.directory, pack.name]);
  let over = false;
  const feed = async (): Promise<void> => {
    for await (const bytes of tar?.output ?? host.stdin()) {
      // The padding behind the end of an archive is for nobody, but a tar that cannot write it has failed.
      if (!over) await stream.write(bytes);
      else if (tar === undefined) break;
    }
    stream.end();
  };
  const feeding = feed();
  feeding.catch(() => stream.close());
  let answer: Answer | undefined;
  try {
    answer = await finish(context, stream, async () => undefined);
  } finally {
    over = true;
    if (answer?.exit !== 0) tar?.stop();
  }
  // A failure of this side is what ended it; standard input that nobody wants is not waited for.
  if (answer.exit !== 0 || tar === undefined) return answer;
  await feeding;
  const code = await exitCodeOf(tar);
  return code === 0 ? answer : { ...answer, exit: 1 };
}

/** Ctrl-C ends what is under way: what is copied so far stays. */
async function open(context: Context, begin: () => Promise<ClientStream>): Promise<ClientStream> {
  const stream = await begin();
  context.signal.addEventListener('abort', () => stream.close(), { once: true });
  return stream;
}

async function finish(
  { host, signal }: Context,
  stream: ClientStream,
  take: (bytes: Buffer) => Promise<void>,
): Promise<Answer> {
  // File names are the workload's, and a terminal obeys some of them.
  const words = new StringDecoder('utf8');
  for await (const { channel, bytes } of stream.output)
    await (channel === 'stderr' ? host.err(clean(words.write(bytes), true)) : take(bytes));
  const { exit, error } = await stream.ended;
  signal.throwIfAborted();
  if (error !== null) throw new BerthError(error.code, error.message);
  return { document: undefined, text: '', exit: exit?.code === 0 ? 0 : 1 };
}

async function exitCodeOf(tar: Tar): Promise<number> {
  return tar.ended.catch((error: unknown) => {
    throw new BerthError('binary_missing', `tar cannot be run: ${String(error)}`, { cause: error });
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
