// The protocol as documents, made from the table that the server checks with: they cannot disagree with it. Pure.
import * as z from 'zod';
import { ERRORS, type ErrorCode } from '../../protocol/errors.js';
import { MOST_PROBLEMS } from '../base/wrong-fields.js';
import { GRANTS } from '../config/drivers.js';
import { workloadSpec } from '../model/spec.js';
import { ERROR_BYTES } from './answer-size.js';
import { CLOSE_CODES, COMMON_ERRORS, DESCRIPTIONS } from './descriptions.js';
import { boundOf, boundsOf } from './document-bounds.js';
import { EVENTS } from './events.js';
import { LIMITS } from './limits.js';
import { METHODS, type MethodName } from './methods.js';
import { resultLine, resultSchemas, typesSection } from './result-document.js';
import { METHOD_CLASSES, rolesFor } from './roles.js';
import { MOST_ID, PROTOCOL } from './rpc.js';
import { SHAPE } from './shape.js';
import { STREAM_NOTIFICATIONS, streamsSection } from './stream-document.js';

export interface ProtocolDocuments {
  /** docs/protocol.md */
  readonly markdown: string;
  /** docs/protocol.schema.json: JSON Schema 2020-12 of one message to the agent; every part is a `$defs`. */
  readonly jsonSchema: Record<string, unknown>;
  /** docs/asyncapi.json: AsyncAPI 3.0, the agent's point of view. */
  readonly asyncapi: Record<string, unknown>;
}

type Json = Record<string, unknown>;

const NAMES = Object.keys(METHODS) as readonly MethodName[];

export function protocolDocuments(version: string): ProtocolDocuments {
  return { markdown: markdown(), jsonSchema: jsonSchema(version), asyncapi: asyncapi(version) };
}

function jsonSchema(version: string): Json {
  const ref = (name: string) => ({ $ref: `#/$defs/${name}` });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `${PROTOCOL} request`,
    description: `One message to a berth agent ${version}.`,
    oneOf: NAMES.map((name) => ref(`${name}.request`)),
    $defs: schemas(ref),
  };
}

function asyncapi(version: string): Json {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const channel = { $ref: '#/channels/control' };
  const message = (name: string) => ({ $ref: `#/channels/control/messages/${name}` });
  const entries = NAMES.map((name) => ({ name, does: DESCRIPTIONS[name].does }));
  const messages: Json = { event: { name: 'event', summary: 'Something that happened.', payload: ref('event') } };
  const operations: Json = { event: { action: 'send', channel, messages: [message('event')] } };
  for (const [name, { summary }] of Object.entries(STREAM_NOTIFICATIONS)) {
    const key = `${name}.notification`;
    messages[key] = { name: key, summary, payload: ref(key) };
    operations[key] = { action: 'send', summary, channel, messages: [message(key)] };
  }
  for (const { name, does } of entries) {
    messages[name] = { name, summary: does, payload: ref(`${name}.request`) };
    messages[`${name}.reply`] = { name: `${name}.reply`, payload: ref(`${name}.reply`) };
    operations[name] = {
      action: 'receive',
      summary: does,
      channel,
      messages: [message(name)],
      reply: { channel, messages: [message(`${name}.reply`)] },
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: `berth control protocol ${PROTOCOL}`,
      version,
      description: 'JSON-RPC 2.0 over websocket. The agent dials schedulers and serves its local socket; it answers.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels: { control: { address: '/', messages, bindings: { ws: {} } } },
    operations,
    components: { schemas: schemas(ref) },
  };
}

/** Parts of both documents, `ref` being how each names a part. */
function schemas(ref: (name: string) => Json): Json {
  const parts: Json = { WorkloadSpec: schemaOf(workloadSpec), event: eventSchema(ref), ...resultSchemas(ref) };
  for (const name of NAMES) {
    const params = schemaOf(METHODS[name]);
    const properties = params.properties as Json;
    if ('spec' in properties) properties.spec = ref('WorkloadSpec');
    parts[`${name}.params`] = params;
    parts[`${name}.request`] = {
      type: 'object',
      description: DESCRIPTIONS[name].does,
      properties: {
        jsonrpc: { const: '2.0' },
        id: { type: ['string', 'number'], description: 'absent: a notification, carried out and never answered' },
        method: { const: name },
        params: ref(`${name}.params`),
      },
      required: params.required === undefined ? ['jsonrpc', 'method'] : ['jsonrpc', 'method', 'params'],
    };
    parts[`${name}.reply`] = replySchema(ref, name);
  }
  for (const [name, { properties }] of Object.entries(STREAM_NOTIFICATIONS)) {
    const params = { type: 'object', properties, required: Object.keys(properties) };
    const envelope = { jsonrpc: { const: '2.0' }, method: { const: name }, params };
    parts[`${name}.notification`] = { type: 'object', properties: envelope, required: Object.keys(envelope) };
  }
  return { ...parts, error: errorSchema() };
}

function schemaOf(schema: z.ZodType): Json {
  // As senders see it: defaults may be left out, sizes are still text.
  const whole = z.toJSONSchema(schema, { io: 'input' });
  // A schema with a name of its own comes as a reference to itself.
  const root = whole.$ref === undefined ? whole : whole.$defs?.[whole.$ref.slice('#/$defs/'.length)];
  const { $schema: _dialect, $defs: _parts, id: _id, ...rest } = root ?? {};
  return rest;
}

function eventSchema(ref: (name: string) => Json): Json {
  return {
    type: 'object',
    properties: { jsonrpc: { const: '2.0' }, method: { const: 'event' }, params: ref('BerthEvent') },
    required: ['jsonrpc', 'method', 'params'],
  };
}

function replySchema(ref: (name: string) => Json, name: MethodName): Json {
  const envelope = { jsonrpc: { const: '2.0' }, id: { type: ['string', 'number', 'null'] } };
  return {
    oneOf: [
      {
        type: 'object',
        properties: { ...envelope, result: ref(`${name}.result`) },
        required: ['jsonrpc', 'id', 'result'],
      },
      { type: 'object', properties: { ...envelope, error: ref('error') }, required: ['jsonrpc', 'id', 'error'] },
    ],
  };
}

function errorSchema(): Json {
  const data = {
    type: 'object',
    properties: {
      code: { enum: Object.keys(ERRORS) },
      message: { type: 'string' },
      hint: { type: 'string' },
      data: { type: 'object', description: 'figures for machines' },
    },
    required: ['code', 'message', 'hint'],
  };
  const properties = { code: { type: 'integer' }, message: { type: 'string' }, data };
  return { type: 'object', properties, required: ['code', 'message', 'data'] };
}

function markdown(): string {
  return `# Control protocol \`${PROTOCOL}\`

Generated from \`agent/control/methods.ts\` and \`protocol/results.ts\`; do not edit. Machine-readable: [protocol.schema.json](protocol.schema.json),
[asyncapi.json](asyncapi.json).

JSON-RPC 2.0 over websocket, subprotocol \`${PROTOCOL}\`, text messages, no compression, no batches, parameters by name.
The agent serves it on its local socket, and dials every \`[[control.scheduler]]\`, naming itself in the headers
\`X-Berth-Node\` and \`X-Berth-Version\` with \`Authorization: Bearer\` from \`token_file\`. On a dialled connection the
scheduler speaks first, with \`session.hello\`. The agent pings every peer each \`control.heartbeat\`. It hangs up if nothing is
heard for three pings, and if no ping is answered for six: a peer that sends and does not read is a slow reader.

## Limits of one connection

| limit | value |
|---|---|
| message to the agent | ${LIMITS.messageBytes} bytes |
| values in a message | ${SHAPE.values}, of which ${SHAPE.entries} in one list or object, ${SHAPE.depth} levels deep |
| id of a request | a number, or a string of at most ${MOST_ID} characters |
| result | ${LIMITS.replyBytes} bytes, else \`reply_too_large\` |
| error | ${ERROR_BYTES} bytes: it names the first ${MOST_PROBLEMS} wrong fields, and how many there are as \`count\` |
| connections to the local socket | ${LIMITS.connections}, each a session within ${LIMITS.handshakeMs / 1000} s |
| dialled connection to a scheduler | open within ${LIMITS.dialMs / 1000} s, \`session.hello\` within ${LIMITS.helloMs / 1000} s more |
| requests in flight | ${LIMITS.requestsInFlight} |
| requests a second | ${LIMITS.requestsPerSecond} |
| unread replies | ${LIMITS.bufferedBytes} bytes, then the connection is closed |
| open streams | ${LIMITS.streams}; messages of streams do not count as requests |
| unread events | they wait in the log; a reader that falls out of it is disconnected |

## Close codes

| code | meaning |
|---|---|
${CLOSE_CODES.map(({ code, meaning }) => `| ${code} | ${meaning} |`).join('\n')}

## Roles

Each session has a role, which \`session.hello\` and \`node.describe\` tell: \`operator\` may do everything, \`tenant\` what is of
its tenants, \`viewer\` reads and changes nothing. On the local socket root is operator; others have the role of the first
\`[[control.access]]\` that names them by user or group, and are operators if none does. A scheduler has the \`role\` of its
\`[[control.scheduler]]\`: without one it is \`tenant\` with \`scopes\`, \`operator\` without. An operator whose \`session.hello\` names
scopes is \`tenant\`. On the local socket a session that is no operator says \`session.hello\` as \`uid-N\`, with its uid. What a role does
not have is refused with \`not_permitted\`, which names the role and those that would do.

## Grants

A workload stays in its sandbox unless it is granted more. The node grants by \`drivers.DRIVER.allow\`. Of that an operator may ask for all, and
another session for what \`allow\` of its \`[[control.access]]\` or \`[[control.scheduler]]\` names, or \`allow\` of the tenant; without either, for
nothing. \`workload.create\`, \`workload.reserve\` and \`workload.fits\` refuse the rest with \`not_permitted\`, which names what grants it.

| grant | asked for by |
|---|---|
${Object.entries(GRANTS)
  .flatMap(([driver, names]) => Object.entries(names).map(([name, field]) => `| \`${driver}.${name}\` | ${field} |`))
  .join('\n')}

## Methods

Every method can also answer with ${COMMON_ERRORS.map(quoted).join(', ')}.

${NAMES.map(methodSection).join('\n')}
## Notification \`event\`

\`{ cursor, at, type, workload?, tenant?, actor?, data }\`: sent after \`events.subscribe\`, in cursor order, each once on a
connection. Cursors rise, with jumps where the host was booted or the agent killed. After a reconnect, subscribe from the last cursor seen
(or from \`acked\` of \`session.hello\`); a gap is announced in the answer, and what is still kept behind it is sent.

\`actor\` says who asked for a change: the scheduler, or the user and process of the local socket, with its role. What berth does by
itself has none. A session with scopes is told of itself only.

Equal refusals (same type, tenant, dimension and scope) are one event: the first is sent at once, those that follow are
counted and sent as one with \`count\` after 10 s, then after twice as long, up to 5 min. Of 10,000 events in memory the
newer half is whole. Of the older half, ends, kills, restarts, drift and conditions of the last day come first; types and
tenants have equal shares. These events have a file of their own that holds a day; if their share is too small for a day,
the condition \`events_short_retention\` says so.

An event is sent when it happens and written to disk in the background. If the agent is killed or power fails, the events of
the last write may be lost: the next agent announces a gap to every reader, and gives no cursor out twice. While the disk
refuses events, readers still get them, and the condition \`events_unwritable\` holds.

| type | what happened |
|---|---|
${Object.entries(EVENTS)
  .map(([type, what]) => `| \`${type}\` | ${what} |`)
  .join('\n')}

${streamsSection()}
${typesSection()}
## Bounds of a WorkloadSpec

Every list, map and text is bounded. Those that are not named here have a pattern of limited length.

| field | bound |
|---|---|
${boundsOf(z.toJSONSchema(workloadSpec, { io: 'input' }) as Json)
  .map(([field, bound]) => `| \`${field}\` | ${bound} |`)
  .join('\n')}

## Errors

An error is \`{ code, message, data: { code, message, hint, data? } }\`; the outer code is a number of JSON-RPC, the inner
one is stable and what to test for.

| code | number | hint |
|---|---|---|
${(Object.keys(ERRORS) as ErrorCode[]).map((code) => `| \`${code}\` | ${ERRORS[code].rpc} | ${ERRORS[code].hint} |`).join('\n')}
`;
}

function methodSection(name: MethodName): string {
  const { does, errors } = DESCRIPTIONS[name];
  const schema = schemaOf(METHODS[name]);
  const required = new Set(schema.required as readonly string[] | undefined);
  const rows = Object.entries(schema.properties as Record<string, Json>).map(([key, property]) => {
    const fallback = property.default === undefined ? '' : `, default \`${JSON.stringify(property.default)}\``;
    const bound =
      key === 'spec'
        ? ''
        : boundOf(property)
            .map((text) => `, ${text}`)
            .join('');
    const type = key === 'spec' ? 'WorkloadSpec' : `${String(property.type)}${bound}`;
    return `- \`${key}\`: ${type}, ${required.has(key) ? 'required' : 'optional'}${fallback}`;
  });
  return [
    `### \`${name}\``,
    '',
    does,
    '',
    `- roles: ${rolesFor(name).map(quoted).join(', ')}${METHOD_CLASSES[name].endsWith('_host') ? '; not for sessions with scopes' : ''}`,
    ...(rows.length === 0 ? ['- no parameters'] : rows),
    `- result: \`${resultLine(name)}\``,
    ...(errors.length === 0 ? [] : [`- errors: ${errors.map(quoted).join(', ')}`]),
    '',
  ].join('\n');
}

function quoted(code: string): string {
  return `\`${code}\``;
}
