// The test scheduler for a person: prints what the nodes tell, one JSON document a line, and places the workloads
// of the files it is given on every node that connects.
//
//   node dist/test/scheduler/cli.js [--host 127.0.0.1] [--port 7946] [--token T] [--epoch 1] [--id scheduler] [FILE.json ...]
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { reportOf } from '../../agent/base/errors.js';
import { type NodeSession, startScheduler } from './scheduler.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '7946' },
    token: { type: 'string' },
    epoch: { type: 'string', default: '1' },
    id: { type: 'string', default: 'scheduler' },
  },
});

const print = (record: object) => process.stdout.write(`${JSON.stringify(record)}\n`);
const specs = await Promise.all(
  positionals.map(async (path) => JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>),
);
const known = new Set<string>();
const scheduler = await startScheduler({
  host: values.host,
  port: Number(values.port),
  epoch: Number(values.epoch),
  id: values.id,
  ...(values.token === undefined ? {} : { token: values.token }),
  onNode: (node) => {
    print({ node: node.name, connected: node.connections });
    if (known.has(node.name)) return;
    known.add(node.name);
    void follow(node);
    for (const spec of specs) void place(node, spec);
  },
  onProblem: (node, problem) => print({ node, problem }),
});
print({ listening: scheduler.url });
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void scheduler.stop().then(() => process.exit(0)));

async function follow(node: NodeSession): Promise<void> {
  for (let after = 0; ; ) {
    const event = await node.waitForEvent(() => true, { after, timeoutMs: 2 ** 31 - 1 });
    after = event.cursor;
    print({ node: node.name, event });
  }
}

async function place(node: NodeSession, spec: Record<string, unknown>): Promise<void> {
  try {
    const { id, state } = await node.place(spec);
    print({ node: node.name, placed: id, state });
  } catch (error) {
    print({ node: node.name, error: reportOf(error) });
  }
}
