// Used by the tests of the device only.
import { Fault } from '@greensward/kit';
import type { ComponentFilesDeps } from '../component-files.ts';

const none = async (): Promise<never> => {
  throw new Fault('S3_ERROR', 'this device has no object store and no registry');
};

/** What component files need besides a data plane and a platform, for a device without AWS services or docker. */
export const onlyFiles: Pick<
  ComponentFilesDeps,
  'objects' | 'registryLogin' | 'attributes' | 'environment' | 'maxStoreBytes'
> = {
  objects: { size: none, download: none },
  registryLogin: none,
  attributes: () => ({ os: 'linux', architecture: 'amd64' }),
  environment: {},
  maxStoreBytes: () => 10_000_000_000,
};
