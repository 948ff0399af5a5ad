// One layer, from its blob to a directory. For a process of its own: see unpack-program.ts.
import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { chmodSync, closeSync, createReadStream, mkdirSync, openSync, readSync } from 'node:fs';
import { pipeline, Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { codeOf, messageOf } from '../../linux/errors.js';
import { syncFileSystem } from '../../linux/nodes.js';
import { ByteSource } from './byte-source.js';
import { LayerProblem } from './layer-problem.js';
import { LayerTree } from './layer-tree.js';
import { readTar, TarError } from './tar.js';

export interface UnpackJob {
  readonly blob: string;
  /** Of the blob as it was transferred. */
  readonly digest: string;
  readonly size: number;
  /** Of the archive in it. */
  readonly diffId: string;
  /** Made by this job. */
  readonly directory: string;
  /** Directories of the layers under it, the next first. */
  readonly below: readonly string[];
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Absolute path of zstd(1), where the host has it. */
  readonly zstd?: string;
}

export interface Unpacked {
  /** Of the archive. */
  readonly bytes: number;
  readonly entries: number;
  readonly skipped: number;
}

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** What names, numbers and attributes of an entry lead to; other errors are of the host. */
const OF_THE_IMAGE = [
  ...['EEXIST', 'EINVAL', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EMLINK', 'EFBIG', 'EOVERFLOW'],
  ...['ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_VALUE'],
];

/** What it has made is on disk when it resolves. Throws LayerProblem, and errors of the file system. */
export async function unpackLayer(job: UnpackJob): Promise<Unpacked> {
  mkdirSync(job.directory, { mode: 0o700 });
  // What a layer says nothing of is readable, its top, too.
  chmodSync(job.directory, 0o755);
  const tree = new LayerTree(job.directory, job.below, { maxEntries: job.maxEntries });
  const stored = new Counted(job.size, 'is larger than its manifest says');
  const archive = new Counted(job.maxBytes, 'is larger than images.max_size allows');
  const source = new ByteSource(archiveOf(job, stored, archive));
  try {
    for await (const [entry, content] of readTar(source)) await tree.place(entry, content);
    // What stands behind the end of the archive is part of both digests.
    await source.drain();
  } catch (error) {
    throw archive.problem ?? stored.problem ?? asProblem(error);
  }
  if (stored.digest() !== job.digest) throw new LayerProblem(`the content of ${job.digest} has another digest`);
  if (archive.digest() !== job.diffId) throw new LayerProblem(`the archive in ${job.digest} is not ${job.diffId}`);
  tree.finish();
  const directory = openSync(job.directory, 'r');
  try {
    syncFileSystem(directory);
  } finally {
    closeSync(directory);
  }
  return { bytes: archive.bytes, ...tree.count };
}

/** The uncompressed bytes; both counters see all of theirs. */
function archiveOf(job: UnpackJob, stored: Counted, archive: Counted): AsyncIterable<Buffer> {
  const start = firstBytes(job.blob);
  const file = createReadStream(job.blob);
  const done = (): void => undefined;
  if (start.subarray(0, 2).equals(GZIP)) return pipeline(file, stored.stream, createGunzip(), archive.stream, done);
  if (!start.equals(ZSTD)) return pipeline(file, stored.stream, archive.stream, done);
  if (job.zstd === undefined)
    throw new LayerProblem('one of its layers is compressed with zstd, and this host has no zstd (package zstd)');
  const child = spawn(job.zstd, ['-d', '-c'], { stdio: ['pipe', 'pipe', 'ignore'] });
  pipeline(file, stored.stream, child.stdin, done);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new LayerProblem('a layer is no valid zstd'))));
  });
  ended.catch(done);
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
  };
  return pipeline(Readable.from(whole()), archive.stream, done);
}

/** Hashes what passes, and ends the stream where it is too much. */
class Counted {
  readonly stream: Transform;
  bytes = 0;
  problem: LayerProblem | undefined;
  readonly #hash: Hash = createHash('sha256');

  constructor(most: number, tooMuch: string) {
    this.stream = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        this.bytes += chunk.length;
        if (this.bytes > most) {
          this.problem = new LayerProblem(`one of its layers ${tooMuch} (${most} bytes)`);
          return next(this.problem);
        }
        this.#hash.update(chunk);
        next(null, chunk);
      },
    });
  }

  /** Once. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}

function asProblem(error: unknown): unknown {
  if (error instanceof TarError) return new LayerProblem(`one of its layers ${messageOf(error)}`);
  if (codeOf(error)?.startsWith('Z_') === true)
    return new LayerProblem(`one of its layers cannot be uncompressed: ${messageOf(error)}`);
  if (OF_THE_IMAGE.includes(codeOf(error) ?? ''))
    return new LayerProblem(`an entry of one of its layers cannot be made: ${messageOf(error)}`);
  return error;
}

function firstBytes(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(4);
    return bytes.subarray(0, readSync(file, bytes, 0, 4, 0));
  } finally {
    closeSync(file);
  }
}
