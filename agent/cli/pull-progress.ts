// How far a pull is, as the events of the node tell it. A session with scopes is not told: it sees that it waits.
import { imageName, parseImage } from '../model/image-reference.js';
import type { PullProgress } from '../model/image-view.js';
import type { Client, Context } from './command.js';

/** For people, on a terminal; what is lost of it is only not shown. */
export function watchPull(
  { json, host }: Pick<Context, 'json' | 'host'>,
  client: Client,
  image: string,
  say: (text: string) => void,
): { stop(): void } {
  const done = new AbortController();
  const parsed = parseImage(image);
  const name = parsed === undefined ? image : imageName(parsed);
  const watch = async (): Promise<void> => {
    for await (const { type, data } of client.events(undefined, { signal: done.signal }))
      if (type === 'image.pulling' && data.image === name) say(pullText(data as unknown as PullProgress));
  };
  if (!json && host.errIsTerminal) watch().catch(() => undefined);
  return { stop: () => done.abort() };
}

export function pullText({ phase, layer, layers }: PullProgress): string {
  return phase === 'fetch' ? 'fetching' : `unpacking layer ${layer} of ${layers}`;
}
