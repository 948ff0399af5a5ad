import { BerthError } from '../../../protocol/errors.js';
import { parseDuration } from '../../base/units.js';
import type { BerthEvent, EventActor } from '../../model/event.js';
import type { Answer, Client, Context } from '../command.js';
import { eventFilter, filterOf } from '../event-filter.js';
import { formatTime } from '../format.js';
import { clean } from '../style.js';

export async function run(context: Context): Promise<Answer> {
  const { cursor, from } = sinceOf(context);
  const asked = filterOf(context);
  const client = await context.client();
  const wanted = await eventFilter(client, { ...asked, from });
  if (!context.flag('follow')) {
    const events: BerthEvent[] = [];
    for (const event of await collect(client, cursor ?? 0)) if (await wanted(event)) events.push(event);
    const text = events.length === 0 ? 'No events.\n' : events.map((event) => lineOf(event, context)).join('');
    return { document: { events }, text };
  }
  for await (const event of client.events(cursor, { signal: context.signal }))
    if (await wanted(event))
      await context.host.out(context.json ? `${JSON.stringify(event)}\n` : lineOf(event, context));
  throw new BerthError('cannot_connect', 'the agent closed the connection');
}

/** A cursor, or a moment: then all that is kept is read, and what is older left out. */
function sinceOf({ host, option }: Context): { readonly cursor?: number; readonly from: number } {
  const text = option('since');
  if (text === undefined) return { from: 0 };
  if (/^\d{1,15}$/.test(text)) return { cursor: Number(text), from: 0 };
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new BerthError(
      'usage',
      `--since is a cursor, a whole number, or a duration such as 30s, 5m or 2h; it is ${JSON.stringify(text)}`,
    );
  return { cursor: 0, from: host.now() - ms };
}

/** Everything that is kept after `since`, up to the newest event at the time of asking. */
async function collect(client: Client, since: number): Promise<BerthEvent[]> {
  const { cursor } = await client.call('events.subscribe', {});
  const events: BerthEvent[] = [];
  if (since >= cursor) return events;
  for await (const event of client.events(since)) {
    if (event.cursor <= cursor && event.cursor > (events.at(-1)?.cursor ?? since)) events.push(event);
    if (event.cursor >= cursor) break;
  }
  return events;
}

/** `2026-11-21T07:00:00Z  17  workload.requested  acme/web-1  wish=stop by=alice(1000)` */
function lineOf({ at, cursor, type, workload, tenant, actor, data }: BerthEvent, { style }: Context): string {
  const who = workload === undefined ? (tenant ?? '-') : tenant === undefined ? workload : `${tenant}/${workload}`;
  const more = Object.entries(data).map(([key, value]) => `${key}=${valueText(value)}`);
  if (actor !== undefined) more.push(`by=${actorText(actor)}`);
  const words = [style.paint('dim', formatTime(at)), String(cursor), clean(type), clean(who), clean(more.join(' '))];
  return `${words.join('  ').trimEnd()}\n`;
}

/** Of a list or an object that is shown. */
const MOST_PARTS_TEXT = 80;

/** As in logfmt: text with blanks is quoted. What has many parts is only counted; `--json` has it all. */
function valueText(value: unknown): string {
  if (typeof value === 'string') return value === '' || /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  const text = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || text.length <= MOST_PARTS_TEXT) return text;
  return Array.isArray(value) ? `[${value.length} entries]` : `{${Object.keys(value).length} fields}`;
}

function actorText({ scheduler, uid, user }: EventActor): string {
  const local = uid === undefined ? [] : [user === undefined ? `uid ${uid}` : `${user}(${uid})`];
  return [...local, ...(scheduler === undefined ? [] : [scheduler])].join(' as ');
}
