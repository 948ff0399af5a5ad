// What the agent sends of a stream, for the generated documents. Pure.
import { MOST_CHUNK, STREAM_WINDOW, type StreamNotifications } from './stream-protocol.js';

interface Described {
  readonly summary: string;
  /** JSON Schema of its parameters; all are required. */
  readonly properties: Readonly<Record<string, object>>;
}

const stream = { type: 'integer' };

export const STREAM_NOTIFICATIONS: { readonly [N in keyof StreamNotifications]: Described } = {
  'stream.output': {
    summary: 'Bytes that the program has written.',
    properties: {
      stream,
      channel: { enum: ['stdout', 'stderr'] },
      data: { type: 'string', contentEncoding: 'base64', description: `at most ${MOST_CHUNK} bytes` },
    },
  },
  'stream.credit': {
    summary: 'The agent takes so many bytes of input more.',
    properties: { stream, bytes: { type: 'integer', minimum: 1 } },
  },
  'stream.end': {
    summary: 'The last message of a stream: how the program ended, or why there is none.',
    properties: {
      stream,
      exit: {
        type: ['object', 'null'],
        properties: { code: { type: ['integer', 'null'] }, signal: { type: ['string', 'null'] } },
      },
      error: { type: ['object', 'null'] },
    },
  },
};

export function streamsSection(): string {
  return `## Streams

A method that answers with \`stream\` has opened one of this session; its number is never used again in the session. Then the agent
sends notifications:

| notification | parameters | meaning |
|---|---|---|
${Object.entries(STREAM_NOTIFICATIONS)
  .map(
    ([name, { summary, properties }]) => `| \`${name}\` | \`{ ${Object.keys(properties).join(', ')} }\` | ${summary} |`,
  )
  .join('\n')}

Bytes are base64, at most ${MOST_CHUNK} in a message. Both directions begin with a credit of ${STREAM_WINDOW} bytes. Each byte takes one, on
whichever channel, and \`stream.credit\` gives back those that the receiver has taken, up to that window. The agent reads from the program
no further than that: one that writes to a peer that does not read waits, as it would for a pipe. Input beyond the credit ends the
stream with \`stream_overrun\`. \`stream.input\`, \`stream.credit\` and their like may be notifications: then only \`stream.end\` tells of an error.

A stream ends with \`stream.end\`, after all of its output. \`exit\` has the exit code or the signal of the program; code 127 is a program that was not found,
126 one that cannot be run, and then \`error\` says why. A session that ends takes its streams along: their programs get SIGHUP, and what
is left of them 3 s later is killed. What a killed agent leaves behind, the next one kills when it starts.
`;
}
