// What may lie in a state directory in the place of a file, and no agent may be kept from its start by.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';

/** Where the directories of somebody else are that links lead to: what berth does there is seen in them. */
const OTHERS = join(tmpdir(), `berth-others-${process.pid}`);

/** As many as berth might take for its own, by their names. */
const OF_OTHERS = [
  'passwd',
  'web-1.json',
  'left.tmp',
  'deeper/file',
  'web-1/0001/state',
  'acme/data/file',
  `${'a1'.repeat(13)}/file`,
  `sha256/${'a1'.repeat(32)}`,
];

/** What somebody else's directories lack by now, or have that was not theirs. They are removed. */
export function spoiledOfOthers(): string[] {
  const rooms = existsSync(OTHERS) ? readdirSync(OTHERS) : [];
  const spoiled = rooms.flatMap((room) => {
    const there = readdirSync(join(OTHERS, room), { recursive: true, encoding: 'utf8', withFileTypes: true });
    const files = there.flatMap((entry) =>
      entry.isDirectory() ? [] : [relative(join(OTHERS, room), join(entry.parentPath, entry.name))],
    );
    const differing = [
      ...OF_OTHERS.filter((one) => !files.includes(one)),
      ...files.filter((one) => !OF_OTHERS.includes(one)),
    ];
    return differing.map((name) => `${room}: ${name}`);
  });
  rmSync(OTHERS, { recursive: true, force: true });
  return spoiled;
}

export interface OddThing {
  readonly name: string;
  make(path: string): Promise<void> | void;
}

export const ODD_THINGS: readonly OddThing[] = [
  { name: 'an empty directory', make: (path) => void mkdirSync(path) },
  {
    name: 'a directory with something in it',
    make: (path) => {
      mkdirSync(join(path, 'deeper'), { recursive: true });
      writeFileSync(join(path, 'deeper/file'), 'x');
    },
  },
  {
    name: 'a FIFO that nobody writes to',
    make: (path) => {
      const { status } = spawnSync('mkfifo', [path]);
      if (status !== 0) throw new Error(`mkfifo ${path}: ${status}`);
    },
  },
  {
    name: 'a socket',
    make: (path) =>
      new Promise((resolve, reject) => {
        // The path of a socket has 107 bytes at most; the name of an open directory is short.
        const directory = openSync(dirname(path), 'r');
        // Closing it would remove the file: it stays open as long as this process.
        const server = createServer().once('error', reject);
        server.listen(`/proc/self/fd/${directory}/${basename(path)}`, () => {
          closeSync(directory);
          server.unref();
          resolve();
        });
      }),
  },
  { name: 'a symbolic link to nothing', make: (path) => symlinkSync('/nonexistent/anything', path) },
  { name: 'a symbolic link to itself', make: (path) => symlinkSync(path, path) },
  {
    name: 'a symbolic link to a directory of somebody else',
    make: (path) => {
      const room = join(OTHERS, `${basename(dirname(path))}-${basename(path)}-${randomUUID()}`);
      for (const name of OF_OTHERS) {
        mkdirSync(dirname(join(room, name)), { recursive: true });
        writeFileSync(join(room, name), '{}');
      }
      symlinkSync(room, path);
    },
  },
  { name: 'an empty file', make: (path) => writeFileSync(path, '') },
  { name: 'text that is no JSON', make: (path) => writeFileSync(path, 'hello\n') },
  { name: 'JSON of another program', make: (path) => writeFileSync(path, '{"hello": [1, null]}\n') },
  { name: 'null', make: (path) => writeFileSync(path, 'null\n') },
  { name: 'a list', make: (path) => writeFileSync(path, '[]\n') },
  { name: 'bytes that are no UTF-8', make: (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0, 0xc0, 0x80])) },
  {
    name: 'a sparse file of 1 GiB',
    make: (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 30);
    },
  },
];
