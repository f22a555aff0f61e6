// The deployment document: built by the cloud from a CreateDeployment request, read by the device.
export {
  buildDocument,
  completePolicies,
  type DocumentInput,
} from './build.ts';
export type {
  DeploymentDocument,
  DocumentComponent,
  DocumentRunWith,
  FailureHandlingPolicy,
} from './document.ts';
export { groupOf, parseDocument } from './parse.ts';
