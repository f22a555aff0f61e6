import { Fault } from '@greensward/kit';
import { roleAliasArn, thingGroupArn } from '@greensward/protocol/arn';
import { dataPlane } from '@greensward/protocol/data-plane';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { iotData } from '@greensward/protocol/iot-data';
import { iotJobsData } from '@greensward/protocol/iot-jobs-data';
import { scopeOf } from '../arns.ts';
import type { Arrival, Route, ServiceRoutes } from '../exchange.ts';
import { greengrassHandlers, greengrassMaxBytes } from '../greengrassv2/greengrassv2.ts';
import { iotDataRoutes } from '../iot-data/iot-data.ts';
import { iotJobsDataRoutes } from '../iot-jobs-data/iot-jobs-data.ts';
import { pageOf, pager } from '../page-token.ts';
import { createRouter } from '../router.ts';
import { type Handlers, restJsonErrors, restJsonRoutes, restJsonService, textMember } from '../wire/rest-json.ts';
import { artifactRoute } from './artifacts.ts';
import { assumeRole } from './credentials.ts';
import { discover } from './discovery.ts';

/** Nucleus lite reads the answer into 2 KB, so a page is small; the Java nucleus asks for the next. */
const groupsPerPage = 50;

const handlers: Handlers<typeof dataPlane.operations> = {
  AssumeRoleWithCertificate: assumeRole,
  Discover: discover,

  async ListThingGroupsForCoreDevice({ coreDeviceThingName, nextToken }, { app, account }) {
    const pages = pager('ListThingGroupsForCoreDevice', { coreDeviceThingName });
    const membership = await app.groups.membership(coreDeviceThingName);
    const page = pageOf(membership, pages.request(nextToken, groupsPerPage), ({ group }) => group);
    const named = (name: string) => ({ thingGroupName: name, thingGroupArn: thingGroupArn(scopeOf(account), name) });
    return {
      thingGroups: page.items.map(({ group, ancestors }) => ({
        ...named(group),
        rootToParentThingGroups: ancestors.map(named),
      })),
      nextToken: pages.token(page.next),
    };
  },
};

/** The operations of greengrassv2 that a device calls with its certificate. */
const deviceOperations = [
  'ResolveComponentCandidates',
  'GetComponentVersionArtifact',
  'GetConnectivityInfo',
  'UpdateConnectivityInfo',
];

const uris = new Map([...dataPlane.allOperations, ...greengrassv2.allOperations]);

/** What the device port serves, by path: a request there names no service. */
export function dataPlaneServices(): (arrival: Arrival) => ServiceRoutes {
  const greengrass = greengrassDataPlane();
  const jobs = restJsonService(iotJobsData, iotJobsDataRoutes('device'));
  const shadows = restJsonService(iotData, iotDataRoutes('device'));
  const artifacts: ServiceRoutes = { errors: artifactRoute.errors, route: () => artifactRoute };
  return ({ method, path }) => {
    if (path.startsWith('/artifacts/') && (method === 'GET' || method === 'HEAD')) return artifacts;
    if (/^\/things\/[^/]+\/jobs(\/|$)/.test(path)) return jobs;
    if (/^\/(things\/[^/]+\/shadow$|api\/things\/)/.test(path)) return shadows;
    return greengrass;
  };
}

function greengrassDataPlane(): ServiceRoutes {
  const own = restJsonRoutes(dataPlane, handlers, {
    access: 'device',
    actionPrefix: 'greengrass:',
    action: new Map([['AssumeRoleWithCertificate', 'iot:AssumeRoleWithCertificate']]),
    resource: new Map([
      ['AssumeRoleWithCertificate', (input, account) => roleAliasArn(scopeOf(account), textMember(input, 'roleAlias'))],
    ]),
    thing: new Map([
      ['Discover', 'thingName'],
      ['ListThingGroupsForCoreDevice', 'coreDeviceThingName'],
    ]),
  });
  const shared = restJsonRoutes(greengrassv2, greengrassHandlers, {
    access: 'device',
    actionPrefix: 'greengrass:',
    maxBytes: greengrassMaxBytes,
    resource: new Map([['GetComponentVersionArtifact', (input) => textMember(input, 'arn')]]),
    thing: new Map([
      ['GetConnectivityInfo', 'thingName'],
      ['UpdateConnectivityInfo', 'thingName'],
    ]),
  });
  const routes = new Map<string, Route>(
    [...shared].filter(([name]) => deviceOperations.includes(name)).concat([...own]),
  );
  const find = createRouter(
    [...routes].map(([name, route]) => {
      const [method = '', uri = ''] = uris.get(name) ?? [];
      return { method, uri, value: route };
    }),
  );
  return {
    errors: restJsonErrors(greengrassv2),
    route({ method, path }) {
      const route = find(method, path);
      if (route !== undefined) return route;
      // A real nucleus may call what no public source describes: the refusal in the log is how we learn of it.
      throw new Fault('ResourceNotFoundException', `The device port does not serve ${method} ${path.slice(0, 256)}`, {
        context: { resourceType: 'path', resourceId: path.slice(0, 256) },
      });
    },
  };
}
