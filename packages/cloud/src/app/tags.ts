import type { IotArn } from '@greensward/protocol/arn';
import { invalidFields, resourceNotFound } from '../domain/faults.ts';
import type { Tx } from '../ports/storage.ts';
import type { TagUseCases } from './app.ts';
import { type Arns, createArns } from './arns.ts';
import type { AppDeps } from './context.ts';

/** Greengrass, IoT: tags of one resource. */
const maxTags = { greengrass: 200, iot: 50 };

/** Tags of component versions, deployments and core devices; of thing groups, thing types, jobs, policies and role aliases. */
export function createTags({ storage, account }: Pick<AppDeps, 'storage' | 'account'>): TagUseCases {
  const arns = createArns(account);
  return {
    get: (arn) =>
      storage.read(async (tx) => {
        await requireResource(tx, arns, arn);
        return tx.tags.get(arn);
      }),

    put: (arn, tags) =>
      storage.write(async (tx) => {
        await requireResource(tx, arns, arn);
        refuseReserved(tags);
        const names = new Set([...Object.keys(await tx.tags.get(arn)), ...Object.keys(tags)]);
        const limit = arns.greengrass(arn) === undefined ? maxTags.iot : maxTags.greengrass;
        if (names.size > limit) throw invalidFields([{ name: 'tags', message: `at most ${limit} tags` }]);
        await tx.tags.put(arn, tags);
      }),

    remove: (arn, keys) =>
      storage.write(async (tx) => {
        await requireResource(tx, arns, arn);
        await tx.tags.remove(arn, keys);
      }),
  };
}

/** Tag names that begin with `aws:` are the service's own. */
export function refuseReserved(tags: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(tags).find((key) => /^aws:/i.test(key));
  if (reserved !== undefined) {
    throw invalidFields([{ name: `tags.${reserved}`, message: 'the prefix aws: is reserved' }]);
  }
}

async function requireResource(tx: Tx, arns: Arns, arn: string): Promise<void> {
  if (!(await exists(tx, arns, arn))) throw resourceNotFound('resource', arn);
}

async function exists(tx: Tx, arns: Arns, arn: string): Promise<boolean> {
  const registered = arns.iot(arn);
  if (registered !== undefined) return isTaggable(tx, registered.kind, registered.name);
  const resource = arns.greengrass(arn);
  switch (resource?.kind) {
    case 'component-version':
      return (await tx.components.get(resource.name, resource.version)) !== undefined;
    case 'deployment':
      return (await tx.deployments.get(resource.deploymentId)) !== undefined;
    case 'core-device':
      return (await tx.devices.get(resource.thingName)) !== undefined;
    default:
      return false;
  }
}

/** IoT: things and certificates have no tags. */
async function isTaggable(tx: Tx, kind: IotArn['kind'], name: string): Promise<boolean> {
  switch (kind) {
    case 'thinggroup':
      return (await tx.groups.get(name)) !== undefined;
    case 'thingtype':
      return (await tx.thingTypes.get(name)) !== undefined;
    case 'job':
      return (await tx.jobs.get(name))?.carrier === 'job';
    case 'policy':
      return (await tx.policies.get(name)) !== undefined;
    case 'rolealias':
      return (await tx.roleAliases.get(name)) !== undefined;
    default:
      return false;
  }
}
