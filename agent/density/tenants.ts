// The tenants of this node: what the configuration says of each, overlaid by what was set through the protocol, which is
// durable before it counts. One file a tenant that was set; a tenant that nobody has named has no file and no limits of
// its own but those that all share.

import { join } from 'node:path';
import { type Content, changeFile } from '../base/change-file.js';
import { type Damaged, readAll, replaceFile } from '../base/durable.js';
import { Serial } from '../base/serial.js';
import type { Config } from '../config/schema.js';
import { fromConfig, NO_SETTINGS, type TenantChange, type TenantSettings } from './tenant-settings.js';

/** Where a value comes from: the file, the protocol, a window of time, or density.max_workloads_per_tenant. */
export type Source = 'file' | 'protocol' | 'window' | 'default';

export interface Tenant extends TenantSettings {
  readonly name: string;
  /** `quota.memory` -> where it comes from. */
  readonly sources: Readonly<Record<string, Source>>;
}

type Section = keyof TenantSettings;
const SECTIONS: readonly Section[] = ['quota', 'guaranteed', 'licences', 'limits'];

/** What a window of time says of tenants. */
export type Overlay = ReadonlyMap<string, TenantSettings['quota']>;

export interface TenantsOptions {
  /** State directory of the agent. */
  readonly directory: string;
  readonly config: Pick<Config, 'tenant' | 'density'>;
  readonly onDamaged: (damaged: Damaged) => void;
  /** Writes what puts a tenant back although the disk is full; default: as any file. */
  readonly relief?: { replace(path: string, text: string): Promise<void> } | undefined;
}

export class Tenants {
  readonly #directory: string;
  readonly #onDamaged: (damaged: Damaged) => void;
  readonly #listeners = new Set<(tenant: Tenant) => void>();
  #config: Pick<Config, 'tenant' | 'density'>;
  #overlay: Overlay = new Map();
  #set = new Map<string, TenantSettings>();
  readonly #relieve: (path: string, text: string) => Promise<void>;
  readonly #changes = new Serial();

  constructor({ directory, config, onDamaged, relief }: TenantsOptions) {
    this.#directory = join(directory, 'tenants');
    this.#relieve = relief === undefined ? replaceFile : (path, text) => relief.replace(path, text);
    this.#config = config;
    this.#onDamaged = onDamaged;
  }

  async load(): Promise<void> {
    const found = await readAll(this.#directory, decode, this.#onDamaged);
    this.#set = new Map(found);
  }

  /** Told of every tenant that is not as before, those that are gone included (as they are without anything). */
  onChange(listener: (tenant: Tenant) => void): void {
    this.#listeners.add(listener);
  }

  /** Those that have a name in the configuration, were set, or are in a window. */
  names(): string[] {
    return [...new Set([...Object.keys(this.#config.tenant), ...this.#set.keys()])].sort();
  }

  known(name: string): boolean {
    return Object.hasOwn(this.#config.tenant, name) || this.#set.has(name);
  }

  /** Set through the protocol. */
  isSet(name: string): boolean {
    return this.#set.has(name);
  }

  get(name: string): Tenant {
    return this.#merged(name, this.#set.get(name));
  }

  settings(): Map<string, TenantSettings> {
    return new Map(this.names().map((name) => [name, this.get(name)]));
  }

  setConfig(config: Pick<Config, 'tenant' | 'density'>, overlay: Overlay): void {
    const before = this.settings();
    this.#config = config;
    this.#overlay = overlay;
    this.#tell(before);
  }

  /** Durable when it resolves, and in force from then on. `check` sees the outcome first and throws what is against it. */
  change(name: string, change: TenantChange, check: (after: Tenant) => void): Promise<Tenant> {
    return this.#changes.run(async () => {
      const own = overlaid(this.#set.get(name), change);
      check(this.#merged(name, own));
      await this.#change(name, encode(name, own));
      const before = this.settings();
      this.#set.set(name, own);
      this.#tell(before, name);
      return this.get(name);
    });
  }

  /** Takes back what the protocol has set. Asks the disk for no room. */
  remove(name: string, check: () => void): Promise<void> {
    return this.#changes.run(async () => {
      check();
      await this.#change(name, undefined);
      const before = this.settings();
      this.#set.delete(name);
      this.#tell(before, name);
    });
  }

  #change(name: string, text: Content): Promise<void> {
    const before = (): Content => {
      const own = this.#set.get(name);
      return own === undefined ? undefined : encode(name, own);
    };
    return changeFile(join(this.#directory, `${name}.json`), text, before, { restore: this.#relieve });
  }

  #tell(before: ReadonlyMap<string, TenantSettings>, always?: string): void {
    const names = new Set([...before.keys(), ...this.names(), ...(always === undefined ? [] : [always])]);
    for (const name of names) {
      const after = this.get(name);
      const then = before.get(name) ?? NO_SETTINGS;
      if (SECTIONS.every((section) => JSON.stringify(then[section]) === JSON.stringify(after[section]))) continue;
      for (const listener of this.#listeners) listener(after);
    }
  }

  #merged(name: string, own: TenantSettings | undefined): Tenant {
    const file = Object.hasOwn(this.#config.tenant, name) ? fromConfig(this.#config.tenant[name] ?? {}) : NO_SETTINGS;
    const shared = this.#config.density.max_workloads_per_tenant;
    const fallback: TenantSettings = shared > 0 ? { ...NO_SETTINGS, quota: { workloads: shared } } : NO_SETTINGS;
    const window: TenantSettings = { ...NO_SETTINGS, quota: this.#overlay.get(name) ?? {} };
    const sources: Record<string, Source> = {};
    const layers: readonly (readonly [Source, TenantSettings | undefined])[] = [
      ['default', fallback],
      ['file', file],
      ['protocol', own],
      ['window', window],
    ];
    const merged = { quota: {}, guaranteed: {}, licences: {}, limits: {} } as Record<Section, Record<string, unknown>>;
    for (const [source, settings] of layers)
      for (const section of SECTIONS)
        for (const [key, value] of Object.entries(settings?.[section] ?? {})) {
          merged[section][key] = value;
          sources[`${section}.${key}`] = source;
        }
    return { name, ...(merged as unknown as TenantSettings), sources };
  }
}

/** `null` takes a value back. */
function overlaid(own: TenantSettings = NO_SETTINGS, change: TenantChange): TenantSettings {
  const part = <T extends object>(before: T, now: Readonly<Record<string, unknown>> | undefined): T =>
    Object.fromEntries(
      Object.entries({ ...before, ...now }).filter(([, value]) => value !== null && value !== undefined),
    ) as T;
  return {
    // What a later version has set stays.
    ...own,
    quota: part(own.quota, change.quota),
    guaranteed: part(own.guaranteed, change.guaranteed),
    licences: part(own.licences, change.licences),
    limits: part(own.limits, change.limits),
  };
}

const VERSION = 1;

function encode(name: string, settings: TenantSettings): string {
  return `${JSON.stringify({ version: VERSION, name, settings })}\n`;
}

function decode(text: string, file: string): [string, TenantSettings] {
  const entry = JSON.parse(text) as { version?: unknown; name?: unknown; settings?: unknown } | null;
  if (!Number.isInteger(entry?.version)) throw new Error('holds no tenant');
  if (entry?.name !== file) throw new Error(`holds the tenant ${String(entry?.name)}`);
  const { settings } = entry;
  if (typeof settings !== 'object' || settings === null) throw new Error('has no settings');
  // Accepted once, by whichever version: not judged by the rules for input of today, and kept as it is.
  const sections = Object.entries(settings).filter(([, section]) => typeof section === 'object' && section !== null);
  return [file, { ...NO_SETTINGS, ...Object.fromEntries(sections) }];
}
