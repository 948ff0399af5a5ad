// Limits of bandwidth on the link of a sandbox.
export { type ApplyOptions, applyBandwidth, type ShapingTarget } from './apply.js';
export { auditBandwidth, type BandwidthState, type RateState, readBandwidth, shapingLinks } from './audit.js';
export { assertBandwidth, ifbNameFor } from './rate.js';
