import { Fault } from '@greensward/kit';
import { formatRecipe, parseRecipe } from '@greensward/model/recipe';
import { compareVersions, isVersion } from '@greensward/model/version';
import type { ComponentVersion } from '../domain/components/component.ts';
import { publicNames, publicVersions } from '../domain/components/public-components.ts';
import { conflict, invalidFields, resourceNotFound } from '../domain/faults.ts';
import type { Page, PageRequest, Tx } from '../ports/storage.ts';
import type { ComponentUseCases, ComponentVersionName } from './app.ts';
import { type Arns, createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import { createComponentVersion } from './create-component-version.ts';
import type { ContentSweep } from './objects.ts';
import { resolveCandidates } from './resolve-candidates.ts';

/** The component versions of this account, and the public ones. */
export function createComponents(deps: AppDeps, sweep: ContentSweep): ComponentUseCases {
  const { storage, urls, account } = deps;
  const arns = createArns(account);

  return {
    create: (input) => createComponentVersion(deps, arns, input),

    resolve: ({ attributes, candidates }) => storage.read((tx) => resolveCandidates(tx, attributes, candidates)),

    describe: (of) =>
      storage.read(async (tx) => ({
        component: await requireComponent(tx, arns, of),
        tags: await tagsOf(tx, arns, of),
      })),

    versions: ({ name, isPublic }, page) =>
      storage.read(async (tx) => {
        const versions = [...(isPublic ? publicVersions(name) : await tx.components.versions(name))];
        versions.sort((a, b) => compareVersions(b.version, a.version));
        return pageByVersion(versions, page);
      }),

    list: (page) =>
      storage.read(async (tx) => {
        const names = await tx.components.names(page);
        const items: ComponentVersion[] = [];
        for (const name of names.items) {
          const latest = highestOf(await tx.components.versions(name));
          if (latest !== undefined) items.push(latest);
        }
        return { items, ...(names.next === undefined ? {} : { next: names.next }) };
      }),

    listPublic: () => publicNames.flatMap((name) => publicVersions(name).at(-1) ?? []),

    async delete({ name, version, isPublic }) {
      if (isPublic) {
        throw new Fault('AccessDeniedException', `The public component ${name} is not this account's to delete.`);
      }
      const component = await storage.write(async (tx) => {
        const found = await requireComponent(tx, arns, { name, version, isPublic });
        if (found.state === 'REQUESTED' || found.state === 'INITIATED') {
          throw conflict(
            'component',
            arns.componentVersion(name, version),
            'The component version is still being created.',
          );
        }
        await tx.components.delete(name, version);
        await tx.tags.clear(arns.componentVersion(name, version));
        return found;
      });
      for (const sha256 of new Set(component.artifacts.map((artifact) => artifact.sha256))) await sweep(sha256);
    },

    recipe: (of, format) =>
      storage.read(async (tx) => {
        const component = await requireComponent(tx, arns, of);
        const wanted = format ?? component.recipeFormat;
        const text =
          wanted === component.recipeFormat ? component.recipe : formatRecipe(parseRecipe(component.recipe), wanted);
        return { format: wanted, text, tags: await tagsOf(tx, arns, of) };
      }),

    artifactUrl: (of, artifactName, host) =>
      storage.read(async (tx) => {
        const component = await requireComponent(tx, arns, of);
        const artifact = component.artifacts.find((candidate) => candidate.name === artifactName);
        if (artifact === undefined) throw resourceNotFound('artifact', artifactName);
        const fileName = artifact.name.slice(artifact.name.lastIndexOf('/') + 1);
        return urls.sign({ sha256: artifact.sha256, fileName }, host);
      }),
  };
}

async function requireComponent(tx: Tx, arns: Arns, of: ComponentVersionName): Promise<ComponentVersion> {
  const { name, version, isPublic } = of;
  const component = isPublic
    ? publicVersions(name).find((candidate) => candidate.version === version)
    : await tx.components.get(name, version);
  if (component === undefined) throw resourceNotFound('component', arns.componentVersion(name, version));
  return component;
}

/** Public ones have none: they belong to nobody here. */
async function tagsOf(tx: Tx, arns: Arns, { name, version, isPublic }: ComponentVersionName) {
  return isPublic ? {} : tx.tags.get(arns.componentVersion(name, version));
}

function highestOf(versions: readonly ComponentVersion[]): ComponentVersion | undefined {
  let highest: ComponentVersion | undefined;
  for (const version of versions) {
    if (highest === undefined || compareVersions(version.version, highest.version) > 0) highest = version;
  }
  return highest;
}

/** A page of a list that is sorted here; the key is the version after which to go on, so new versions disturb nothing. */
function pageByVersion(versions: readonly ComponentVersion[], { limit, after }: PageRequest): Page<ComponentVersion> {
  if (after !== undefined && !isVersion(after)) throw invalidFields([{ name: 'nextToken', message: 'is not valid' }]);
  const start = after === undefined ? 0 : versions.findIndex((item) => compareVersions(item.version, after) < 0);
  if (start < 0) return { items: [] };
  const items = versions.slice(start, start + limit);
  const last = items.at(-1);
  return { items, ...(last === undefined || start + limit >= versions.length ? {} : { next: last.version }) };
}
