// What ADD prints, in the format of each version of the specification (section "Result Types").
import { GATEWAY, GATEWAY6 } from '../../netns/types.js';
import type { WorkloadView } from '../model/record.js';
import type { CniConfig, Version } from './config.js';
import type { CniFault } from './fault.js';
import { FAULTS } from './fault.js';
import type { CniRequest } from './request.js';

/** Of the two interfaces below, the one in the container. */
const INNER = 1;

export function resultOf(
  { cniVersion, dns }: Pick<CniConfig, 'cniVersion' | 'dns'>,
  { netns, ifname }: Pick<CniRequest, 'netns' | 'ifname'>,
  { sandbox }: Pick<WorkloadView, 'sandbox'>,
): object {
  const { hostLink, mac, mtu } = sandbox;
  const size = cniVersion === '1.1.0' && mtu !== null ? { mtu } : {};
  const families = familiesOf({ sandbox });
  return {
    cniVersion,
    interfaces: [
      { name: hostLink, ...size },
      { name: ifname, mac, ...size, sandbox: netns },
    ],
    ips: families.map(({ address, gateway, family }) => ({
      ...(isOld(cniVersion) ? { version: String(family) } : {}),
      ...{ interface: INNER, address, ...(gateway === null ? {} : { gateway }) },
    })),
    routes: families.flatMap(({ gateway, everywhere }) => (gateway === null ? [] : [{ dst: everywhere, gw: gateway }])),
    dns: dns ?? {},
  };
}

/** Addresses with their prefix, for CHECK as well. */
export function addressesOf(view: Pick<WorkloadView, 'sandbox'>): readonly string[] {
  return familiesOf(view).map(({ address }) => address);
}

export function errorOf(cniVersion: Version, { fault, message, details }: CniFault): object {
  return { cniVersion, code: FAULTS[fault], msg: message, ...(details === '' ? {} : { details }) };
}

interface Family {
  readonly family: 4 | 6;
  readonly address: string;
  readonly gateway: string | null;
  readonly everywhere: string;
}

function familiesOf({ sandbox }: Pick<WorkloadView, 'sandbox'>): Family[] {
  const { address, address6, attachment } = sandbox;
  const port = attachment?.mode === 'bridge' ? attachment : undefined;
  const four = { family: 4, everywhere: '0.0.0.0/0', gateway: port === undefined ? GATEWAY : port.gateway } as const;
  const six = { family: 6, everywhere: '::/0', gateway: port === undefined ? GATEWAY6 : port.gateway6 } as const;
  return [
    ...(address === null ? [] : [{ ...four, address: `${address}/${port?.prefix ?? 32}` }]),
    ...(address6 === null ? [] : [{ ...six, address: `${address6}/${port?.prefix6 ?? 128}` }]),
  ];
}

function isOld(version: Version): boolean {
  return version.startsWith('0.');
}
