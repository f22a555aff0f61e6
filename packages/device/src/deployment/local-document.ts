import { type DeploymentDocument, type DocumentComponent, parseDocument } from '@greensward/model/deployment-document';
import type { DeviceStore } from '../store/device-store.ts';
import type { ComponentSet, DeploymentRecord, GroupRecord, RunWith } from '../store/records.ts';
import { type LocalRequest, requestFromJson } from './local-request.ts';
import { localGroup } from './roots.ts';

/**
 * The document of a deployment in the journal. That of a local one is made of the request and of what the device is at that moment: one
 * that was queued before it may have changed it.
 *
 * @throws Fault DEPLOYMENT_DOCUMENT_PARSE_ERROR.
 */
export function documentOf(
  { source, document }: Pick<DeploymentRecord, 'source' | 'document'>,
  store: Pick<DeviceStore, 'components' | 'groups'>,
): DeploymentDocument {
  if (source.kind !== 'local') return parseDocument(document);
  return localDocument(requestFromJson(document), source, store.groups(), store.components());
}

/**
 * Roots are those recorded for the group, at the version that runs, without those to be removed, and those to be added. What is
 * not named keeps its configuration and its `runWith`. Unlike in the reference, an update of a component that is no root of the
 * group takes effect too.
 */
export function localDocument(
  request: LocalRequest,
  { deploymentId, createdOn }: { readonly deploymentId: string; readonly createdOn: number },
  groups: ReadonlyMap<string, GroupRecord>,
  set: ComponentSet,
): DeploymentDocument {
  const group = request.group === undefined ? localGroup : `thinggroup/${request.group}`;
  const roots = new Map<string, string>();
  for (const [name, version] of Object.entries(groups.get(group)?.roots ?? {}))
    roots.set(name, set.get(name)?.version ?? version);
  for (const name of request.remove) roots.delete(name);
  for (const [name, version] of Object.entries(request.add)) roots.set(name, version);
  const updateOf = (name: string): Omit<DocumentComponent, 'version'> => {
    const configurationUpdate = request.configuration[name];
    const runWith = request.runWith[name] ?? documentRunWith(set.get(name)?.runWith);
    return {
      ...(configurationUpdate === undefined ? {} : { configurationUpdate }),
      ...(runWith === undefined ? {} : { runWith }),
    };
  };
  const named = new Set([...Object.keys(request.configuration), ...Object.keys(request.runWith)]);
  const others = [...named].filter((name) => !roots.has(name));
  return {
    schemaDate: '2021-05-17',
    deploymentId,
    configurationArn: deploymentId,
    local: { group, updates: Object.fromEntries(others.map((name) => [name, updateOf(name)])) },
    creationTimestamp: createdOn,
    components: Object.fromEntries([...roots].map(([name, version]) => [name, { version, ...updateOf(name) }])),
    failureHandlingPolicy: request.failureHandlingPolicy,
    requiredCapabilities: [],
    componentUpdatePolicy: { timeout: 60, action: 'SKIP_NOTIFY_COMPONENTS' },
    configurationValidationPolicy: { timeout: 20 },
  };
}

function documentRunWith(runWith: RunWith | undefined): DocumentComponent['runWith'] {
  if (runWith === undefined) return undefined;
  const { systemResourceLimits: limits, ...users } = runWith;
  if (limits === undefined) return users;
  return { ...users, systemResourceLimits: { memory: limits.memory ?? 0, cpus: limits.cpus ?? 0 } };
}
