import { Fault } from '@greensward/kit';
import type { DataPlane, ObjectStore } from '../uplink/data-plane.ts';
import type { ArtifactOrigin } from './artifact-plan.ts';

export interface OriginDeps {
  readonly dataPlane: Pick<DataPlane, 'artifactUrl' | 'size' | 'download'>;
  readonly objects: ObjectStore;
}

/** What one artifact is loaded from. */
export interface OpenOrigin {
  /** In bytes. */
  size(signal: AbortSignal): Promise<number>;
  /** The bytes from `start` on. */
  download(start: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * The way to an artifact of the component version `arn`, which is empty for a version of a local deployment. `place` is where that
 * has it below its artifact folder.
 */
export function openOrigin(
  deps: OriginDeps,
  { origin, uri }: { readonly origin: ArtifactOrigin; readonly uri: string },
  arn: string,
  place: string,
): OpenOrigin {
  const { dataPlane, objects } = deps;
  switch (origin.scheme) {
    case 'greengrass': {
      if (arn === '') {
        const problem = `${uri} is not on this device, and its recipe is not the cloud's: put it to ${place} in the artifact folder`;
        throw new Fault('ARTIFACT_URI_NOT_VALID', problem);
      }
      // A new address each time: the last one may have expired during a long outage.
      const url = (signal: AbortSignal) => dataPlane.artifactUrl(arn, origin.artifactName, signal);
      return {
        size: async (signal) => dataPlane.size(await url(signal), signal),
        download: async (start, signal) => dataPlane.download(await url(signal), start, signal),
      };
    }
    case 'https':
      return {
        size: (signal) => dataPlane.size(origin.url, signal),
        download: (start, signal) => dataPlane.download(origin.url, start, signal),
      };
    case 's3':
      return {
        size: (signal) => objects.size(origin.bucket, origin.key, signal),
        download: (start, signal) => objects.download(origin.bucket, origin.key, start, signal),
      };
    case 'file':
      throw new Fault('ARTIFACT_URI_NOT_VALID', `${origin.path} is not in the artifact folder of the deployment`);
  }
}
