// The reserved topics of one thing: `$aws/things/{thing}/...`. Jobs, shadows, Greengrass health.

/** The IoT Jobs namespace of Greengrass deployments. A device never uses the plain job topics. */
export const DEPLOYMENT_NAMESPACE = 'aws-gg-deployment';
/** The job id that stands for "the next one". */
export const NEXT_JOB = '$next';

const things = (thing: string) => `$aws/things/${thing}`;

/** `$aws/things/{thing}/jobs/{jobId}[/namespace-{ns}]/{get|update}`; responses add `/accepted` or `/rejected`. */
export function jobTopic(thing: string, jobId: string, action: 'get' | 'update', namespace?: string): string {
  const scope = namespace === undefined ? '' : `/namespace-${namespace}`;
  return `${things(thing)}/jobs/${jobId}${scope}/${action}`;
}

/** The list of pending executions, asked and answered without a job id. */
export const jobsGetTopic = (thing: string) => `${things(thing)}/jobs/get`;
export const jobsStartNextTopic = (thing: string) => `${things(thing)}/jobs/start-next`;

/** Where changes of the pending list (`notify`) and of the next execution (`notify-next`) are announced. */
export function jobsNotifyTopic(thing: string, form: 'notify' | 'notify-next', namespace?: string): string {
  return `${things(thing)}/jobs/${form}${namespace === undefined ? '' : `-namespace-${namespace}`}`;
}

/** `shadowName` undefined is the classic shadow. Responses add `/accepted`, `/rejected`; updates also `/delta`, `/documents`. */
export function shadowTopic(thing: string, shadowName: string | undefined, action: ShadowAction): string {
  return `${things(thing)}/shadow${shadowName === undefined ? '' : `/name/${shadowName}`}/${action}`;
}

export const fleetStatusTopic = (thing: string) => `${things(thing)}/greengrassv2/health/json`;
export const telemetryTopic = (thing: string) => `${things(thing)}/greengrass/health/json`;

export type ShadowAction = 'get' | 'update' | 'delete';
/** `accepted` and `rejected` answer a request; `delta` and `documents` follow a shadow update. */
type ResponseSuffix = 'accepted' | 'rejected' | 'delta' | 'documents';

/** A reserved topic taken apart. `response` is absent on the request topic itself. */
export type ReservedTopic =
  | {
      readonly kind: 'job-get' | 'job-update';
      readonly thing: string;
      /** May be `$next` for `job-get`. */
      readonly jobId: string;
      readonly namespace?: string;
      readonly response?: 'accepted' | 'rejected';
    }
  | {
      readonly kind: 'jobs-get' | 'jobs-start-next';
      readonly thing: string;
      readonly response?: 'accepted' | 'rejected';
    }
  | { readonly kind: 'jobs-notify' | 'jobs-notify-next'; readonly thing: string; readonly namespace?: string }
  | {
      readonly kind: 'shadow-get' | 'shadow-update' | 'shadow-delete';
      readonly thing: string;
      /** Absent for the classic shadow. */
      readonly shadowName?: string;
      readonly response?: ResponseSuffix;
    }
  | { readonly kind: 'fleet-status' | 'telemetry'; readonly thing: string };

/** Undefined for a topic that is none of these, also one below `$aws/things/` that is unknown. */
export function parseReservedTopic(topic: string): ReservedTopic | undefined {
  const [root, things, thing = '', family, ...rest] = topic.split('/');
  if (root !== '$aws' || things !== 'things' || thing === '') return undefined;
  const path = rest.join('/');
  if (family === 'jobs') return parseJobs(thing, rest);
  if (family === 'shadow') return parseShadow(thing, rest);
  if (family === 'greengrassv2' && path === 'health/json') return { kind: 'fleet-status', thing };
  if (family === 'greengrass' && path === 'health/json') return { kind: 'telemetry', thing };
  return undefined;
}

function parseJobs(thing: string, parts: readonly string[]): ReservedTopic | undefined {
  const [first = '', second] = parts;
  const notify = first.match(/^(notify|notify-next)(?:-namespace-([a-zA-Z0-9_-]+))?$/);
  if (notify !== null && parts.length === 1) {
    const kind = notify[1] === 'notify' ? 'jobs-notify' : 'jobs-notify-next';
    return notify[2] === undefined ? { kind, thing } : { kind, thing, namespace: notify[2] };
  }
  if ((first === 'get' || first === 'start-next') && isAnswer(second) && parts.length <= 2) {
    const kind = first === 'get' ? 'jobs-get' : 'jobs-start-next';
    return second === undefined ? { kind, thing } : { kind, thing, response: second };
  }
  const namespace = second?.match(/^namespace-([a-zA-Z0-9_-]+)$/)?.[1];
  const [action, response, ...more] = parts.slice(namespace === undefined ? 1 : 2);
  if (first === '' || more.length > 0 || (action !== 'get' && action !== 'update') || !isAnswer(response)) {
    return undefined;
  }
  return {
    kind: action === 'get' ? 'job-get' : 'job-update',
    thing,
    jobId: first,
    ...(namespace === undefined ? {} : { namespace }),
    ...(response === undefined ? {} : { response }),
  };
}

function isAnswer(part: string | undefined): part is 'accepted' | 'rejected' | undefined {
  return part === undefined || part === 'accepted' || part === 'rejected';
}

const SHADOW_KINDS = { get: 'shadow-get', update: 'shadow-update', delete: 'shadow-delete' } as const;

function parseShadow(thing: string, parts: readonly string[]): ReservedTopic | undefined {
  const named = parts[0] === 'name';
  const shadowName = named ? parts[1] : undefined;
  if (named && (shadowName === undefined || shadowName === '')) return undefined;
  const [action, response, ...more] = parts.slice(named ? 2 : 0);
  if (more.length > 0 || (action !== 'get' && action !== 'update' && action !== 'delete')) return undefined;
  const afterUpdate = action === 'update' && (response === 'delta' || response === 'documents');
  const base = { kind: SHADOW_KINDS[action], thing, ...(shadowName === undefined ? {} : { shadowName }) };
  if (response === undefined) return base;
  if (afterUpdate) return { ...base, response };
  return isAnswer(response) ? { ...base, response } : undefined;
}
