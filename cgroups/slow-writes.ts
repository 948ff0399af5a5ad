// Writes that wait inside the kernel: memory.reclaim and a lower memory.max for seconds, io.max for the requests in flight,
// cgroup.kill and cgroup.freeze for a lock. They have threads of their own: in the pool of libuv, four of them would hold up
// every read and write of a file in the process, the journal's first.
import { Worker } from 'node:worker_threads';

/** Each is a thread that mostly sleeps in the kernel; what comes when all of them do waits for the first to be free. */
const MOST_THREADS = 8;

/** What runs in the thread. Text, because a bundle of one file has no second one to start it from. */
const SCRIPT = `
const { parentPort } = require('node:worker_threads');
const { writeSync } = require('node:fs');
parentPort.on('message', ({ fd, text }) => {
  try {
    writeSync(fd, text);
    parentPort.postMessage(null);
  } catch ({ message, code, errno, syscall }) {
    parentPort.postMessage({ message, code, errno, syscall });
  }
});
`;

/** Writes `text` to an open file and resolves when the kernel has taken it. Rejects with an error of node:fs. */
export type SlowWrite = (fd: number, text: string) => Promise<void>;

interface Job {
  readonly fd: number;
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SlowWrites {
  readonly #script: string;
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  #threads = 0;

  /** `script`: what the threads run, for tests. Threads are made when they are needed first. */
  constructor(script = SCRIPT) {
    this.#script = script;
  }

  get threads(): number {
    return this.#threads;
  }

  /** `fd` must stay open until it resolves. */
  write(fd: number, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ fd, text, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const worker = this.#idle.pop() ?? this.#start();
    if (worker === undefined) return;
    const job = this.#waiting.shift();
    if (job !== undefined) this.#give(worker, job);
  }

  #start(): Worker | undefined {
    if (this.#threads >= MOST_THREADS) return undefined;
    this.#threads++;
    const worker = new Worker(this.#script, { eval: true });
    // An idle thread must not keep the process alive.
    worker.unref();
    return worker;
  }

  #give(worker: Worker, { fd, text, resolve, reject }: Job): void {
    const done = (problem: object | null): void => {
      worker.off('error', broken);
      worker.unref();
      this.#idle.push(worker);
      if (problem === null) resolve();
      else reject(Object.assign(new Error('write'), problem));
      this.#next();
    };
    const broken = (error: Error): void => {
      worker.off('message', done);
      this.#threads--;
      reject(error);
      this.#next();
    };
    worker.once('message', done);
    worker.once('error', broken);
    // Whoever waits for the write keeps the process.
    worker.ref();
    worker.postMessage({ fd, text });
  }
}
