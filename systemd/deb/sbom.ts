// The software bill of materials of the package (CycloneDX, by `npm sbom`): the production dependencies as installed,
// which is what the bundles are made from.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { KoffiBinary } from './koffi.js';

interface Bom {
  serialNumber?: string;
  metadata: { timestamp?: string; tools?: unknown; component: { name: string } };
  components: { readonly name: string; hashes?: unknown }[];
}

/** `date`: Unix time in seconds. Throws when npm is missing or older than 10, or node_modules is not what the lock file says. */
export function sbom(root: string, name: string, date: number, koffi: KoffiBinary): string {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--omit', 'dev', '--offline'];
  const text = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return reproducible(forPlatform(text, koffi), name, date);
}

/** npm lists the binary that is installed here; the package may have that of another platform. */
export function forPlatform(text: string, { name, platform, integrity }: Omit<KoffiBinary, 'directory'>): Bom {
  const bom = JSON.parse(text.replaceAll(/koffi-linux-[a-z0-9]+/g, `koffi-linux-${platform}`)) as Bom;
  const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
  for (const component of bom.components) if (component.name === name) component.hashes = [{ alg: 'SHA-512', content }];
  return bom;
}

/** Without what differs between two builds of the same sources: a random number, the clock, the directory, the npm. */
export function reproducible(bom: Bom, name: string, date: number): string {
  const { serialNumber: _random, metadata, ...rest } = bom;
  const { tools: _npm, ...said } = metadata;
  const timestamp = new Date(date * 1000).toISOString();
  const stable = { ...rest, metadata: { ...said, timestamp, component: { ...metadata.component, name } } };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(stable))}`;
  return `${JSON.stringify({ ...stable, serialNumber }, undefined, 1)}\n`;
}

/** A UUID of version 8 (RFC 9562): the digest of a text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
