// Events of Docker and podman: which container may have changed, and how one has ended.
import { after, type Timer } from '../../../linux/timers.js';
import type { Told } from './engine.js';
import { type Fields, fields, ID } from './shapes.js';

/** An engine that tells of a kill and never of the end does not fill the memory: the oldest go first. */
const MOST_MARKED = 1000;
const MOST_HELD = 1000;
/**
 * `docker stop` sends the STOPSIGNAL of the image: SIGTERM, or SIGQUIT (nginx), SIGINT (postgres), SIGWINCH (httpd), SIGRTMIN+3
 * (systemd). Others, such as SIGHUP, ask for no end.
 */
const ENDING = new Set([
  ...['2', '3', '9', '15', '28', '37'],
  ...['SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGTERM', 'SIGWINCH', 'SIGRTMIN+3'],
]);
/** A program may take its time to end. One that has not ended by then has not taken the signal as a stop. */
const ASKED_MS = 600_000;
/** podman tells a stop when the container is dead, and a kill without its signal, which may have asked for no end. */
const UNNAMED_MS = 10_000;
/** podman may tell the stop after the end, and does not where another process of it (its cleanup) has seen the end first. */
const LATE_STOP_MS = 1000;

/** What was told of a container since its start. */
interface Marks {
  /** By the clock of ContainerEvents. An end after that is nobody's wish. */
  readonly askedUntil: number;
  readonly oom: boolean;
}

export interface Clockwork {
  /** Milliseconds; only rises. */
  readonly now: () => number;
  readonly later: (ms: number, run: () => void) => Pick<Timer, 'cancel'>;
}

const CLOCKWORK: Clockwork = { now: () => performance.now(), later: (ms, run) => after(ms, run).unref() };

/** Reads one stream of events, in order. */
export class ContainerEvents {
  readonly #told: Told;
  readonly #clockwork: Clockwork;
  readonly #marks = new Map<string, Marks>();
  /** Ends that nobody has asked for so far, by id. */
  readonly #held = new Map<string, (asked: boolean) => void>();

  constructor(told: Told, clockwork: Clockwork = CLOCKWORK) {
    this.#told = told;
    this.#clockwork = clockwork;
  }

  read(event: unknown): void {
    const { Action: action, Actor: actor } = fields(event);
    const { ID: id, Attributes } = fields(actor);
    if (typeof id !== 'string' || !ID.test(id)) return;
    const attributes = fields(Attributes);
    switch (action) {
      // Nothing of the container has changed yet.
      case 'oom':
        this.#mark(id, { oom: true });
        break;
      case 'kill':
        if (attributes.signal === undefined) this.#asked(id, UNNAMED_MS);
        else if (ENDING.has(String(attributes.signal))) this.#asked(id, ASKED_MS);
        break;
      case 'stop':
        this.#asked(id, UNNAMED_MS);
        break;
      case 'start':
        this.#marks.delete(id);
        this.#settle(id, false);
        this.#told(id);
        break;
      case 'die':
        this.#ended(id, attributes, attributes.exitCode);
        break;
      // Of podman, which sets this attribute after the labels.
      case 'died':
        this.#ended(id, attributes, attributes.containerExitCode ?? attributes.exitCode, LATE_STOP_MS);
        break;
      case 'destroy':
      case 'remove':
        this.#marks.delete(id);
        this.#told(id);
        break;
      default:
        this.#told(id);
    }
  }

  #ended(id: string, attributes: Fields, code: unknown, heldMs = 0): void {
    const { askedUntil, oom } = this.#marks.get(id) ?? UNMARKED;
    this.#marks.delete(id);
    const asked = this.#clockwork.now() < askedUntil;
    const { name, image } = attributes;
    this.#told(id, {
      ...{ id, oom, labels: attributes as Record<string, string> },
      ...{ name: typeof name === 'string' ? name : '', image: typeof image === 'string' ? image : undefined },
      asked: asked || heldMs === 0 ? Promise.resolve(asked) : this.#hold(id, heldMs),
      code: exitCode(code),
    });
  }

  #asked(id: string, ms: number): void {
    if (!this.#settle(id, true)) this.#mark(id, { askedUntil: this.#clockwork.now() + ms });
  }

  #hold(id: string, ms: number): Promise<boolean> {
    this.#settle(id, false);
    for (const oldest of this.#held.keys()) {
      if (this.#held.size < MOST_HELD) break;
      this.#settle(oldest, false);
    }
    return new Promise((resolve) => {
      const timer = this.#clockwork.later(ms, () => this.#settle(id, false));
      this.#held.set(id, (asked) => {
        timer.cancel();
        resolve(asked);
      });
    });
  }

  /** Whether an end was held. */
  #settle(id: string, asked: boolean): boolean {
    const settle = this.#held.get(id);
    this.#held.delete(id);
    settle?.(asked);
    return settle !== undefined;
  }

  #mark(id: string, marks: Partial<Marks>): void {
    const before = this.#marks.get(id) ?? UNMARKED;
    this.#marks.delete(id);
    this.#marks.set(id, { ...before, ...marks });
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= MOST_MARKED) break;
      this.#marks.delete(oldest);
    }
  }
}

const UNMARKED: Marks = { askedUntil: Number.NEGATIVE_INFINITY, oom: false };

/** Docker lays labels of the container over its own attributes, so that whoever starts it can write anything here. */
function exitCode(value: unknown): number | null {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) <= 255 ? Number(value) : null;
}
