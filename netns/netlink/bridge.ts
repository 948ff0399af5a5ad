// Bridges and their ports: IFLA_BR_*, IFLA_BRPORT_*, IFLA_BRIDGE_*. See linux/if_link.h and linux/if_bridge.h.
import { attribute, eachAttribute, nested, text, u8 } from './attribute.js';
import {
  AF_BRIDGE,
  BRIDGE_VLAN_INFO,
  IFLA,
  IFLA_BR,
  IFLA_BRIDGE,
  IFLA_BRPORT,
  IFLA_INFO,
  NLM_F,
  RTM,
} from './constants.js';
import { type Message, message } from './message.js';

const IFINFOMSG = 16;

/** RTM_NEWLINK of a bridge; EEXIST when the name is taken. */
export function newBridge(bridge: { readonly name: string; readonly vlanFiltering: boolean }): Buffer {
  // A kernel without CONFIG_BRIDGE_VLAN_FILTERING refuses the attribute, whatever its value.
  const data = bridge.vlanFiltering ? [nested(IFLA_INFO.DATA, u8(IFLA_BR.VLAN_FILTERING, 1))] : [];
  const info = nested(IFLA.LINKINFO, text(IFLA_INFO.KIND, 'bridge'), ...data);
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;
  return message(RTM.NEWLINK, flags, Buffer.alloc(IFINFOMSG), text(IFLA.IFNAME, bridge.name), info);
}

/** Flags of a port, as `bridge link set dev PORT isolated on` sends them. */
export function setPort(port: { readonly index: number; readonly isolated: boolean }): Buffer {
  const info = nested(IFLA.PROTINFO, u8(IFLA_BRPORT.ISOLATED, port.isolated ? 1 : 0));
  return message(RTM.SETLINK, NLM_F.REQUEST | NLM_F.ACK, header(port.index), info);
}

/** Dump of all ports of all bridges, as AF_BRIDGE links. */
export function dumpPorts(): Buffer {
  return message(RTM.GETLINK, NLM_F.REQUEST | NLM_F.DUMP, header(0));
}

/** Reads an AF_BRIDGE RTM_NEWLINK; `isolated` is undefined when the message does not say. */
export function parsePort({ buffer, start, end }: Message): { index: number; isolated: boolean | undefined } {
  let isolated: boolean | undefined;
  eachAttribute(buffer, start + IFINFOMSG, end, (type, from, to) => {
    if (type !== IFLA.PROTINFO) return;
    eachAttribute(buffer, from, to, (option, at) => {
      if (option === IFLA_BRPORT.ISOLATED) isolated = buffer.readUInt8(at) !== 0;
    });
  });
  return { index: buffer.readInt32LE(start + 4), isolated };
}

/** Makes `vlan` the port's only untagged one: what comes in without a tag is in it, and leaves without a tag. */
export function setAccessVlan(port: { readonly index: number; readonly vlan: number }): Buffer {
  const info = vlanInfo(BRIDGE_VLAN_INFO.PVID | BRIDGE_VLAN_INFO.UNTAGGED, port.vlan);
  return vlanMessage(RTM.SETLINK, port.index, info);
}

/** Takes the port out of the VLANs `first` to `last`, whichever of them it is in. */
export function deleteVlans(port: { readonly index: number; readonly first: number; readonly last: number }): Buffer {
  const { index, first, last } = port;
  if (first === last) return vlanMessage(RTM.DELLINK, index, vlanInfo(0, first));
  const { RANGE_BEGIN, RANGE_END } = BRIDGE_VLAN_INFO;
  return vlanMessage(RTM.DELLINK, index, vlanInfo(RANGE_BEGIN, first), vlanInfo(RANGE_END, last));
}

function vlanInfo(flags: number, vlan: number): Buffer {
  const info = Buffer.alloc(4);
  info.writeUInt16LE(flags, 0);
  info.writeUInt16LE(vlan, 2);
  return attribute(IFLA_BRIDGE.VLAN_INFO, info);
}

function vlanMessage(type: number, index: number, ...infos: readonly Buffer[]): Buffer {
  const spec = nested(IFLA.AF_SPEC, ...infos);
  return message(type, NLM_F.REQUEST | NLM_F.ACK, header(index), spec);
}

function header(index: number): Buffer {
  const out = Buffer.alloc(IFINFOMSG);
  out.writeUInt8(AF_BRIDGE, 0);
  out.writeInt32LE(index, 4);
  return out;
}
