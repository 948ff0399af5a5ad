// The verbs of CNI on this node: what a runtime asks for becomes a workload of driver external, and its state the answer.
import { stat } from 'node:fs/promises';
import { codeOf } from '../../linux/errors.js';
import { reportOf } from '../base/errors.js';
import type { Condition } from '../model/condition.js';
import type { EventActor } from '../model/event.js';
import type { FitsAnswer } from '../model/preemption.js';
import type { WorkloadView } from '../model/record.js';
import type { WorkloadSpec } from '../model/spec.js';
import { attachmentId, attachmentSpec } from './attachment.js';
import { type CniConfig, NEWEST, parseConfig, VERSIONS, versionOf } from './config.js';
import { CniFault, FAULTS, faultOf } from './fault.js';
import { type CniAnswer, type CniRequest, COMMANDS, type Command, netnsOf, targetOf } from './request.js';
import { addressesOf, errorOf, resultOf } from './result.js';

/** The workloads of the node, as far as a network plugin needs them. */
export interface CniHost {
  /** Same id and same spec: success. Throws BerthError. */
  create(spec: WorkloadSpec, by: EventActor): Promise<WorkloadView>;
  find(id: string): WorkloadView | undefined;
  /** Resolves when the wish is durable. Throws BerthError. */
  remove(id: string, by: EventActor): Promise<void>;
  /** Resolves with the workload once it is as asked, undefined: gone. Rejects with the reason of the signal. */
  until(
    id: string,
    is: (view: WorkloadView | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<WorkloadView | undefined>;
  /** Ids, by the label `cni.network`. */
  attachments(network: string): Promise<readonly string[]>;
  fits(spec: WorkloadSpec): Promise<FitsAnswer>;
  /** What is not in the kernel as the workload says, each a sentence. */
  audit(id: string): Promise<readonly string[]>;
  /** Of each in whose namespace somebody is, who it is, in words. */
  inUse(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  conditions(): readonly Condition[];
  /** Nothing new is admitted. */
  cordoned(): boolean;
  /** Something that a person should read. */
  warn(fields: object, message: string): void;
}

/** Who asks, and until when. */
export interface Asking {
  readonly by: EventActor;
  readonly signal: AbortSignal;
}

type Verb = (config: CniConfig, request: CniRequest, asking: Asking) => Promise<object | undefined>;

/** Conditions in which networks that exist may be out of order as well. */
const NETWORK_TROUBLE: ReadonlySet<string> = new Set(['network_unavailable', 'network_setup_failed']);

export class Cni {
  readonly #host: CniHost;
  readonly #verbs: Readonly<Record<Exclude<Command, 'VERSION'>, Verb>> = {
    ADD: (...asked) => this.#add(...asked),
    DEL: (...asked) => this.#del(...asked),
    CHECK: (config, request) => this.#check(config, request),
    GC: (...asked) => this.#gc(...asked),
    STATUS: (config, request) => this.#status(config, request),
  };

  constructor(host: CniHost) {
    this.#host = host;
  }

  /** Never throws: an error is an answer, too. */
  async call(request: CniRequest, asking: Asking): Promise<CniAnswer> {
    const version = versionOf(request.config);
    try {
      const command = COMMANDS.find((one) => one === request.command);
      if (command === undefined) throw new CniFault('environment', `CNI_COMMAND must be one of ${COMMANDS.join(', ')}`);
      if (command === 'VERSION') return printed({ cniVersion: NEWEST, supportedVersions: VERSIONS });
      return printed(await this.#verbs[command](parseConfig(request.config), request, asking));
    } catch (error) {
      const fault = faultOf(error);
      if (reportOf(error).code === 'internal' && !(error instanceof CniFault))
        this.#host.warn({ err: error, command: request.command.slice(0, 16) }, 'a CNI request has failed');
      return { code: FAULTS[fault.fault], output: JSON.stringify(errorOf(version, fault)) };
    }
  }

  /**
   * Asked again with the same words, it answers with what is there: the answer of the first time may have been lost with an
   * agent that was restarted. The specification has runtimes never ask twice, and has other words refused.
   */
  async #add(config: CniConfig, request: CniRequest, { by, signal }: Asking): Promise<object> {
    const target = targetOf(request);
    const spec = attachmentSpec(config, request, target, await inodeOf(netnsOf(request)));
    const view = (await this.#attach(spec, by, signal)) ?? (await this.#attach(spec, by, signal));
    if (view === undefined) throw new CniFault('later', `the attachment ${spec.id} is being removed`);
    return resultOf(config, request, view);
  }

  /** Undefined: there was an old one on its way out, which is gone now. */
  async #attach(spec: WorkloadSpec, by: EventActor, signal: AbortSignal): Promise<WorkloadView | undefined> {
    const { id } = spec;
    const before = this.#host.find(id);
    if (before !== undefined && (before.desired === 'deleted' || isOver(before))) {
      await this.#take(id, by, signal);
      return undefined;
    }
    await this.#host.create(spec, by);
    const view = await this.#host.until(
      id,
      (now) => now === undefined || now.state === 'running' || isOver(now),
      signal,
    );
    if (view === undefined || view.state === 'running') return view;
    // Nothing is left of an ADD that fails, whether the runtime calls DEL or not.
    await this.#take(id, by, signal);
    const { code = 'start_failed', message = 'the attachment has ended', hint = '' } = view.error ?? {};
    throw new CniFault(code === 'os_error' ? 'io' : 'refused', message, `${code}: ${hint}`);
  }

  /** By the words of the specification without an error when there is nothing, and without the namespace or any state. */
  async #del(config: CniConfig, request: CniRequest, { by, signal }: Asking): Promise<undefined> {
    await this.#take(attachmentId(config, targetOf(request)), by, signal);
  }

  async #take(id: string, by: EventActor, signal: AbortSignal): Promise<void> {
    if (this.#host.find(id) === undefined) return;
    try {
      await this.#host.remove(id, by);
    } catch (error) {
      if (reportOf(error).code !== 'not_found') throw error;
    }
    await this.#host.until(id, (now) => now === undefined, signal);
  }

  async #check(config: CniConfig, request: CniRequest): Promise<undefined> {
    const target = targetOf(request);
    netnsOf(request);
    const id = attachmentId(config, target);
    const view = this.#host.find(id);
    if (view === undefined)
      throw new CniFault('refused', `berth has no attachment of ${target.containerId} to network ${config.name}`);
    if (view.state !== 'running') throw new CniFault('refused', `the attachment ${id} is ${view.state}`);
    const told = ipsOf(config.prevResult);
    const missing = addressesOf(view).filter((address) => told !== undefined && !told.includes(address));
    const wrong = [
      ...missing.map((address) => `prevResult does not have the address ${address}`),
      ...(await this.#host.audit(id)),
    ];
    if (wrong.length > 0) throw new CniFault('refused', `the attachment ${id}: ${wrong.slice(0, 8).join('; ')}`);
  }

  /**
   * Of this network, and only what the list does not name. One in whose namespace a process lives is kept, and told: a
   * runtime that has lost its list must not cut off what runs, and what runs is no leak.
   */
  async #gc(config: CniConfig, _request: CniRequest, { by, signal }: Asking): Promise<undefined> {
    const valid = config['cni.dev/valid-attachments'];
    if (valid == null)
      throw new CniFault('config', 'GC needs "cni.dev/valid-attachments" in the network configuration');
    const named = new Set(
      valid.map(({ containerID, ifname }) => attachmentId(config, { containerId: containerID, ifname })),
    );
    const stale = (await this.#host.attachments(config.name)).filter((id) => !named.has(id));
    const inUse = await this.#host.inUse(stale);
    for (const [id, heldBy] of inUse)
      this.#host.warn({ workload: id, network: config.name, heldBy }, 'GC keeps an attachment that is in use');
    const failures: string[] = [];
    const take = (id: string) =>
      this.#take(id, by, signal).catch((error: unknown) => failures.push(`${id}: ${faultOf(error).message}`));
    await Promise.all(stale.filter((id) => !inUse.has(id)).map(take));
    if (failures.length > 0) throw new CniFault('refused', `not removed: ${failures.slice(0, 8).join('; ')}`);
  }

  /** A dry run of an ADD. */
  async #status(config: CniConfig, request: CniRequest): Promise<undefined> {
    const trouble = this.#host.conditions().find(({ code }) => NETWORK_TROUBLE.has(code));
    if (trouble !== undefined) throw new CniFault('limited', `${trouble.title}: ${trouble.why}`);
    if (this.#host.cordoned()) throw new CniFault('unavailable', 'this node is cordoned: it admits nothing new');
    const anyone = { ...config, tenant: typeof config.tenant === 'string' ? config.tenant : 'default' };
    const sample = { ...request, netns: '/run/netns/status' };
    const target = { containerId: 'status', ifname: 'eth0' };
    const { fits, refusals } = await this.#host
      .fits(attachmentSpec(anyone, sample, target, undefined))
      .catch((error: unknown) => {
        const fault = faultOf(error);
        throw fault.fault === 'config' ? fault : new CniFault('unavailable', fault.message, fault.details);
      });
    if (fits) return;
    const why = refusals.map(({ dimension, scope }) => `${dimension} of ${scope}`);
    throw new CniFault('unavailable', `no room for another attachment: ${why.join(', ')}`);
  }
}

function printed(document: object | undefined): CniAnswer {
  return { code: 0, output: document === undefined ? '' : JSON.stringify(document) };
}

function isOver({ state }: WorkloadView): boolean {
  return state === 'failed' || state === 'exited';
}

/** Throws CniFault `gone` without a file: there is nothing that DEL would have to clean up. */
async function inodeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new CniFault('gone', `there is no network namespace at ${path} (CNI_NETNS)`);
    throw error;
  }
}

/** Of a result of any version; undefined: it tells none. */
function ipsOf(result: unknown): readonly unknown[] | undefined {
  if (typeof result !== 'object' || result === null || !('ips' in result) || !Array.isArray(result.ips))
    return undefined;
  return result.ips.map((ip: unknown) =>
    typeof ip === 'object' && ip !== null && 'address' in ip ? ip.address : undefined,
  );
}
