// Every engine that berth knows. Two may claim one workload, as Docker and its containerd: the first has it.
import type { EngineName } from '../../model/adopted.js';
import { containerd } from './containerd.js';
import { crio } from './crio.js';
import { docker } from './docker.js';
import type { Engine } from './engine.js';
import { libvirt } from './libvirt.js';
import { lxc } from './lxc.js';
import { nspawn } from './nspawn.js';
import { podman } from './podman.js';

export const ENGINES: { readonly [N in EngineName]: Engine } = {
  docker,
  podman,
  containerd,
  crio,
  lxc,
  libvirt,
  nspawn,
};
