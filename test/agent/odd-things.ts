// What may lie in a state directory in the place of a file, and no agent may be kept from its start by.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';

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
