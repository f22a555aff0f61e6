import { Fault } from '@greensward/kit';
import { iotInvalid, iotNotFound } from '../domain/faults.ts';
import type { ProvisioningTemplate, ProvisioningTemplateVersion } from '../domain/provisioning/provisioning.ts';
import { parseTemplate } from '../domain/provisioning/template.ts';
import type { Tx } from '../ports/storage.ts';
import type { ProvisioningTemplateUseCases } from './app.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';

/** IoT: versions of a template. */
const maxVersions = 5;

/** Fleet provisioning templates and their versions. A body is checked whole when it is given, not when a device comes. */
export function createProvisioningTemplates(deps: AppDeps): ProvisioningTemplateUseCases {
  const { storage, clock, account } = deps;
  const arns = createArns(account);

  return {
    async create({ name, body, roleArn, enabled = false, description, tags }) {
      parseTemplate(body, 'fleet');
      return storage.write(async (tx) => {
        if ((await tx.provisioning.get(name)) !== undefined) {
          throw new Fault('ResourceAlreadyExistsException', `Provisioning template ${name} already exists.`, {
            context: { resourceId: name, resourceArn: arns.provisioningTemplate(name) },
          });
        }
        const now = clock.now();
        const template: ProvisioningTemplate = {
          name,
          ...(description === undefined ? {} : { description }),
          enabled,
          roleArn,
          defaultVersion: 1,
          lastVersion: 1,
          createdAt: now,
          updatedAt: now,
        };
        await tx.provisioning.insert(template);
        await tx.provisioning.insertVersion({ template: name, version: 1, body, createdAt: now });
        if (tags !== undefined) await tx.tags.put(arns.provisioningTemplate(name), tags);
        return template;
      });
    },

    describe: (name) =>
      storage.read(async (tx) => {
        const template = await requireTemplate(tx, name);
        return { template, body: (await requireVersion(tx, name, template.defaultVersion)).body };
      }),

    update: (name, { description, enabled, defaultVersion, roleArn }) =>
      storage.write(async (tx) => {
        const template = await requireTemplate(tx, name);
        if (defaultVersion !== undefined) await requireVersion(tx, name, defaultVersion);
        await tx.provisioning.update({
          ...template,
          ...(description === undefined ? {} : { description }),
          ...(enabled === undefined ? {} : { enabled }),
          ...(defaultVersion === undefined ? {} : { defaultVersion }),
          ...(roleArn === undefined ? {} : { roleArn }),
          updatedAt: clock.now(),
        });
      }),

    delete: (name) =>
      storage.write(async (tx) => {
        await requireTemplate(tx, name);
        await tx.provisioning.delete(name);
        await tx.tags.clear(arns.provisioningTemplate(name));
      }),

    list: (page) => storage.read((tx) => tx.provisioning.list(page)),

    async createVersion(name, body, setAsDefault) {
      parseTemplate(body, 'fleet');
      return storage.write(async (tx) => {
        const template = await requireTemplate(tx, name);
        if ((await tx.provisioning.versions(name)).length >= maxVersions) {
          throw new Fault(
            'VersionsLimitExceededException',
            `Provisioning template ${name} has ${maxVersions} versions.`,
          );
        }
        const version = template.lastVersion + 1;
        const now = clock.now();
        await tx.provisioning.insertVersion({ template: name, version, body, createdAt: now });
        const defaultVersion = setAsDefault ? version : template.defaultVersion;
        await tx.provisioning.update({ ...template, lastVersion: version, defaultVersion, updatedAt: now });
        return { version, isDefault: setAsDefault };
      });
    },

    version: (name, number) =>
      storage.read(async (tx) => {
        const template = await requireTemplate(tx, name);
        return { template, version: await requireVersion(tx, name, number) };
      }),

    versions: (name) =>
      storage.read(async (tx) => {
        const template = await requireTemplate(tx, name);
        return { template, versions: await tx.provisioning.versions(name) };
      }),

    deleteVersion: (name, number) =>
      storage.write(async (tx) => {
        const template = await requireTemplate(tx, name);
        await requireVersion(tx, name, number);
        if (template.defaultVersion === number) {
          throw new Fault('DeleteConflictException', `Version ${number} is the default version of ${name}.`);
        }
        await tx.provisioning.deleteVersion(name, number);
      }),
  };
}

/** Fails with ResourceNotFoundException. */
export async function requireTemplate(tx: Tx, name: string): Promise<ProvisioningTemplate> {
  const template = await tx.provisioning.get(name);
  if (template === undefined) throw iotNotFound('Provisioning template', name);
  return template;
}

async function requireVersion(tx: Tx, name: string, number: number): Promise<ProvisioningTemplateVersion> {
  if (!Number.isSafeInteger(number)) throw iotInvalid(`versionId: ${number} is not a version.`);
  const version = await tx.provisioning.version(name, number);
  if (version === undefined) throw iotNotFound(`Version ${number} of provisioning template`, name);
  return version;
}
