import { Fault, type Log, type Timers } from '@greensward/kit';
import { dataPlane } from '@greensward/protocol/data-plane';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import {
  buildRequest,
  type IncomingResponse,
  type Operation,
  parseError,
  parseOutput,
} from '@greensward/protocol/walker';
import type { DeviceConfig, ProxySettings } from '../configuration/device-config.ts';
import { createArtifactTransfer } from './artifact-transfer.ts';
import type { DataPlane, ResolvedCandidate } from './data-plane.ts';
import { deviceAgent } from './device-agent.ts';
import { codeOfStatus, exchange, type HttpCall, isRetryableStatus, readBody } from './http-exchange.ts';
import type { TlsMaterial } from './tls-material.ts';

/** Recipes are limited to 16 kB by the cloud; group lists come in pages. */
const maxAnswerBytes = 4 * 1024 * 1024;
const maxPages = 1000;

/** What the code of an error answer is, where an operation has names of its own. */
type CodeOf = (status: number, name: string) => string | undefined;

/** The data plane over HTTPS with the device's certificate, unsigned (device protocol, section 5). */
export function createDataPlane(deps: {
  readonly config: Pick<DeviceConfig, 'dataPlaneUrl' | 'thingName'> & { readonly proxy?: ProxySettings };
  /** Parameters that may change while it works. */
  readonly settings?: () => Pick<DeviceConfig, 'httpClient' | 's3EndpointType'>;
  /** Told the cloud's time with each answer, epoch ms. */
  readonly onDate?: (epochMs: number) => void;
  readonly tls: TlsMaterial;
  readonly log: Log;
  readonly timers: Timers;
}): DataPlane {
  const { config, tls, log, timers, settings } = deps;
  const agent = deviceAgent(tls, config.proxy, 4, timers);

  async function call<I, O>(operation: Operation<I, O>, input: I, codeOf: CodeOf, signal: AbortSignal): Promise<O> {
    const request = buildRequest(operation, input);
    const url = new URL(config.dataPlaneUrl);
    url.pathname = request.path;
    url.search = request.query;
    const call: HttpCall = {
      url,
      method: request.method,
      headers: { ...request.headers, accept: 'application/json', 'user-agent': 'greensward-device' },
      ...(request.body.length > 0 ? { body: request.body } : {}),
      agent,
      limits: settings?.().httpClient,
      signal,
    };
    const answer = await exchange(call, timers);
    deps.onDate?.(Date.parse(answer.headers.date ?? ''));
    const status = answer.statusCode ?? 0;
    const response: IncomingResponse = {
      status,
      headers: answer.headers,
      body: await readBody(answer, maxAnswerBytes, call),
    };
    if (status >= 200 && status < 300) return parseOutput(operation, response);
    const error = parseError(response);
    throw new Fault(codeOf(status, error.code) ?? codeOfStatus(status), error.message, {
      retryable: isRetryableStatus(status),
      context: { operation: operation.name, status, errorType: error.code },
    });
  }

  return {
    ...createArtifactTransfer(tls.ca, timers, { proxy: config.proxy, limits: () => settings?.().httpClient }),

    async thingGroups(signal) {
      const names = new Set<string>();
      const operation = dataPlane.operations.ListThingGroupsForCoreDevice;
      let nextToken: string | undefined;
      try {
        for (let page = 0; page < maxPages; page += 1) {
          const input = { coreDeviceThingName: config.thingName, nextToken };
          const output = await call(operation, input, () => undefined, signal);
          for (const group of output.thingGroups ?? []) {
            names.add(group.thingGroupName);
            for (const ancestor of group.rootToParentThingGroups ?? []) names.add(ancestor.thingGroupName);
          }
          nextToken = output.nextToken;
          if (nextToken === undefined) return [...names];
        }
      } catch (error) {
        if (error instanceof Fault && error.context['status'] === 403) return 'denied';
        throw error;
      }
      throw new Fault('CLOUD_API_ERROR', `the list of thing groups has more than ${maxPages} pages`);
    },

    async resolve(candidate, attributes, signal) {
      const input = {
        platform: { attributes },
        componentCandidates: [
          {
            componentName: candidate.name,
            componentVersion: candidate.version,
            versionRequirements: candidate.requirements,
          },
        ],
      };
      const output = await call(greengrassv2.operations.ResolveComponentCandidates, input, resolveCode, signal);
      return checked(output.resolvedComponentVersions ?? [], candidate.name, log);
    },

    async artifactUrl(componentArn, artifactName, signal) {
      const input = {
        arn: componentArn,
        artifactName,
        s3EndpointType: settings?.().s3EndpointType ?? ('GLOBAL' as const),
      };
      const output = await call(greengrassv2.operations.GetComponentVersionArtifact, input, artifactCode, signal);
      if (typeof output.preSignedUrl === 'string') return output.preSignedUrl;
      throw new Fault('DOWNLOAD_GREENGRASS_ARTIFACT_ERROR', `the cloud gave no address for artifact ${artifactName}`);
    },
  };
}

/** 404 means "no such version" only when the service says so, not when some other server answers (device protocol, 5.1). */
function resolveCode(status: number, name: string): string | undefined {
  if (status === 403) return 'RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED';
  return status === 404 && name === 'ResourceNotFoundException' ? 'NO_AVAILABLE_COMPONENT_VERSION' : undefined;
}

function artifactCode(status: number): string | undefined {
  return status === 403 ? 'GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED' : undefined;
}

interface ResolvedVersion {
  readonly arn?: string | undefined;
  readonly componentName?: string | undefined;
  readonly componentVersion?: string | undefined;
  readonly recipe?: Uint8Array | undefined;
  readonly vendorGuidance?: string | undefined;
}

/** The one version of the answer. The nucleus accepts exactly one, of the component it asked for. */
function checked(versions: readonly ResolvedVersion[], name: string, log: Log): ResolvedCandidate {
  const [resolved, ...more] = versions;
  const { arn, componentVersion, recipe } = resolved ?? {};
  if (
    resolved?.componentName !== name ||
    arn === undefined ||
    componentVersion === undefined ||
    recipe === undefined ||
    more.length > 0
  ) {
    const problem = `the cloud's answer for ${name} is not one version of it`;
    throw new Fault('RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE', problem);
  }
  if (resolved.vendorGuidance === 'DISCONTINUED') {
    log.warn('component version is discontinued', { component: name, version: componentVersion });
  }
  return { name, version: componentVersion, arn, recipe: new TextDecoder().decode(recipe) };
}
