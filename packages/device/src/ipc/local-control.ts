import { join } from 'node:path';
import type { Ids, Log, Timers } from '@greensward/kit';
import { toJson } from '@greensward/model/configuration';
import {
  type ComponentDetails,
  type CreateLocalDeploymentRequest,
  type LocalDeployment,
  SHOWN_STATES,
} from '@greensward/protocol/ipc';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { DeviceStore } from '../store/device-store.ts';
import { writeCliAccess } from './cli-access.ts';
import { cliHandlers } from './cli-handlers.ts';
import { startIpcServer } from './ipc-server.ts';

export interface LocalControlDeps {
  readonly rootPath: string;
  /** The user whose token is written. */
  readonly uid: number;
  readonly store: Pick<DeviceStore, 'components'>;
  readonly deployments: {
    create(request: CreateLocalDeploymentRequest): Promise<string>;
    cancel(deploymentId: string): string;
    status(deploymentId: string): LocalDeployment;
    list(): readonly LocalDeployment[];
  };
  readonly statuses: () => readonly ComponentStatus[];
  readonly request: (component: string, request: 'restart' | 'stop') => string | undefined;
  /** The component by which the runtime shows itself. */
  readonly nucleus: { readonly component: string; readonly version: string };
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Log;
}

/** Orders that a person gives on the device, over the socket `ipc.socket` below the root. */
export interface LocalControl {
  close(): Promise<void>;
}

/** Starts to take orders. @throws Fault when the socket cannot be used. */
export async function startLocalControl(deps: LocalControlDeps): Promise<LocalControl> {
  const { rootPath, uid, ids, log, timers, deployments, nucleus } = deps;
  const path = join(rootPath, 'ipc.socket');
  const access = await writeCliAccess(rootPath, path, uid, ids);
  const server = await startIpcServer({
    path,
    handlers: cliHandlers({
      createDeployment: (request) => deployments.create(request),
      cancelDeployment: (id) => deployments.cancel(id),
      deployment: (id) => deployments.status(id),
      deployments: () => deployments.list(),
      components: () => componentDetails(deps),
      request: (component, request) =>
        component === nucleus.component
          ? `${component} is the runtime itself: its service manager does that`
          : deps.request(component, request),
    }),
    authenticate: (token) => (token === access.token ? access.principal : undefined),
    log,
    timers,
  });
  return {
    async close() {
      await server.close();
      await access.close();
    },
  };
}

function componentDetails({ store, statuses, nucleus }: LocalControlDeps): readonly ComponentDetails[] {
  const set = store.components();
  const rows: ComponentDetails[] = [{ componentName: nucleus.component, version: nucleus.version, state: 'RUNNING' }];
  // What is built in has no lifecycle: it runs while the runtime does.
  for (const { name, version, builtin } of set.values()) {
    if (builtin === true && name !== nucleus.component) rows.push({ componentName: name, version, state: 'RUNNING' });
  }
  for (const { name, version, state: now } of statuses()) {
    const state = SHOWN_STATES.find((shown) => shown === now);
    const entry = set.get(name);
    if (state === undefined || name === nucleus.component) continue;
    const configuration = entry === undefined ? {} : toJson(entry.configuration);
    rows.push({ componentName: name, version, state, configuration });
  }
  return rows;
}
