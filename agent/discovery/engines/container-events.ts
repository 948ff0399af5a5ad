// Events of Docker and podman: which container may have changed, and how one has ended.
import type { Told } from './engine.js';
import { type Fields, fields, ID } from './shapes.js';

/** An engine that tells of a kill and never of the end does not fill the memory. */
const MOST_MARKED = 1000;
const FATAL = new Set(['9', '15', 'SIGKILL', 'SIGTERM']);

/** What was told of a container since its start. */
interface Marks {
  asked: boolean;
  oom: boolean;
}

/** Reads one stream of events, in order. */
export class ContainerEvents {
  readonly #told: Told;
  readonly #marks = new Map<string, Marks>();

  constructor(told: Told) {
    this.#told = told;
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
        // Without a signal podman means its default, SIGKILL. Others, such as SIGHUP, ask for no end.
        if (FATAL.has(String(attributes.signal ?? '9'))) this.#mark(id, { asked: true });
        break;
      case 'start':
        this.#marks.delete(id);
        this.#told(id);
        break;
      case 'die':
      case 'died':
        this.#ended(id, attributes);
        break;
      default:
        this.#told(id);
    }
  }

  #ended(id: string, attributes: Fields): void {
    const { asked = false, oom = false } = this.#marks.get(id) ?? {};
    this.#marks.delete(id);
    const { name, image } = attributes;
    this.#told(id, {
      ...{ id, asked, oom, labels: attributes as Record<string, string> },
      ...{ name: typeof name === 'string' ? name : '', image: typeof image === 'string' ? image : undefined },
      code: exitCode(attributes.exitCode ?? attributes.containerExitCode),
    });
  }

  #mark(id: string, marks: Partial<Marks>): void {
    if (this.#marks.size >= MOST_MARKED && !this.#marks.has(id)) return;
    this.#marks.set(id, { asked: false, oom: false, ...this.#marks.get(id), ...marks });
  }
}

/** Docker lays labels of the container over its own attributes, so that whoever starts it can write anything here. */
function exitCode(value: unknown): number | null {
  return typeof value === 'string' && /^\d{1,3}$/.test(value) && Number(value) <= 255 ? Number(value) : null;
}
