// Processes in namespaces that speak with each other for as long as a test lasts: see flow.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SandboxNetwork } from '../../../netns/types.js';
import type { Answer, Question } from './flow.js';

const FLOW = fileURLToPath(new URL('flow.js', import.meta.url));
const GUEST = fileURLToPath(new URL('../tap-guest.js', import.meta.url));

/** Asks, for many flows at once. */
export interface Peer {
  ask(question: Question): Promise<string>;
}

export class Peers {
  readonly #children: ChildProcess[] = [];

  /** In a namespace; null is the one of the test. */
  client(netns: string | null): Peer {
    const child = this.#spawn(netns, ['client']);
    const waiting = new Map<number, (who: string) => void>();
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      const { from, who }: Answer = JSON.parse(line);
      waiting.get(from)?.(who);
    });
    return {
      ask: (question) =>
        new Promise((resolve) => {
          waiting.set(question.from, resolve);
          child.stdin?.write(`${JSON.stringify(question)}\n`);
        }),
    };
  }

  /** Resolves when it listens on all the ports. */
  async serve(netns: string | null, name: string, ...ports: readonly number[]): Promise<ChildProcess> {
    const child = this.#spawn(netns, ['server', name, ...ports.map(String)]);
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    let ready = 0;
    for await (const _ of lines) if (++ready === ports.length) break;
    return child;
  }

  /** A guest of a tap in the namespace: it answers pings. */
  async guest({ netns, tap, address, mac }: SandboxNetwork): Promise<void> {
    const args = [GUEST, tap?.name ?? '', address, mac];
    const child = spawn('ip', ['netns', 'exec', netns ?? '', process.execPath, ...args], { stdio: 'pipe' });
    this.#children.push(child);
    await once(child.stdout, 'data');
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }

  #spawn(netns: string | null, args: readonly string[]): ChildProcess {
    const line = [process.execPath, FLOW, ...args];
    const [program = '', ...rest] = netns === null ? line : ['ip', 'netns', 'exec', netns, ...line];
    const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    return child;
  }
}
