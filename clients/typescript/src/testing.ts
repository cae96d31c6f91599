/**
 * For tests of applications: a recorder in memory, and a sidecar that misbehaves on
 * demand.
 *
 * @packageDocumentation
 */
export { AuditRecorder, type EventPattern } from './testing/recorder.js';
export { FakeSidecar, type Fault, type FakeSidecarOptions, type SeenRequest } from './testing/sidecar.js';
