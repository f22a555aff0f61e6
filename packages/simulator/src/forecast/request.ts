import { Fault, isJsonObject, type JsonObject } from '@greensward/kit';
import type { JobConfiguration } from '@greensward/model/rollout';
import { greengrassv2 } from '@greensward/protocol/greengrassv2';
import { parseInput } from '@greensward/protocol/walker';

/**
 * The job configuration in the JSON of a CreateDeployment request, or of its `iotJobConfiguration` alone, held against the
 * bounds that the cloud holds it against. Throws `Usage`, naming the field.
 */
export function readRequest(text: string, file: string): JobConfiguration {
  const value = parse(text, file);
  const whole = 'targetArn' in value || 'iotJobConfiguration' in value;
  const configuration = whole ? value['iotJobConfiguration'] : value;
  if (configuration === undefined) return {};
  if (!isJsonObject(configuration)) throw usage(file, 'iotJobConfiguration must be an object');
  refuseUnknown(configuration, known, whole ? 'iotJobConfiguration' : '', file);
  const checked = check(configuration, file);
  const criteria = checked.jobExecutionsRolloutConfig?.exponentialRate?.rateIncreaseCriteria;
  if (
    criteria !== undefined &&
    criteria.numberOfNotifiedThings === undefined &&
    criteria.numberOfSucceededThings === undefined
  ) {
    throw usage(file, 'rateIncreaseCriteria must have numberOfNotifiedThings or numberOfSucceededThings');
  }
  return checked;
}

function parse(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw usage(file, 'it is not JSON', cause);
  }
  if (!isJsonObject(value)) throw usage(file, 'a CreateDeployment request, or its iotJobConfiguration, is expected');
  return value;
}

/** By the walker that checks requests in the cloud. The target stands in: only the configuration is looked at. */
function check(iotJobConfiguration: JsonObject, file: string): JobConfiguration {
  const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/virtual';
  const body = new TextEncoder().encode(JSON.stringify({ targetArn, iotJobConfiguration }));
  try {
    const operation = greengrassv2.operations.CreateDeployment;
    const input = parseInput(operation, { path: '/greengrass/v2/deployments', query: '', headers: {}, body });
    return input.iotJobConfiguration ?? {};
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw usage(file, error.message, error);
  }
}

/** The members there are: a misspelled one would silently be no limit at all. */
interface Members {
  readonly [name: string]: Members | null;
}

const known: Members = {
  jobExecutionsRolloutConfig: {
    maximumPerMinute: null,
    exponentialRate: {
      baseRatePerMinute: null,
      incrementFactor: null,
      rateIncreaseCriteria: { numberOfNotifiedThings: null, numberOfSucceededThings: null },
    },
  },
  abortConfig: {
    criteriaList: { failureType: null, action: null, thresholdPercentage: null, minNumberOfExecutedThings: null },
  },
  timeoutConfig: { inProgressTimeoutInMinutes: null },
};

function refuseUnknown(value: unknown, members: Members, path: string, file: string): void {
  if (Array.isArray(value)) {
    value.forEach((each, index) => {
      refuseUnknown(each, members, `${path}[${index}]`, file);
    });
    return;
  }
  if (!isJsonObject(value)) return; // Of the wrong type: that is for the walker to say.
  for (const [name, member] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    const below = Object.hasOwn(members, name) ? members[name] : undefined;
    if (below === undefined)
      throw usage(file, `there is no member ${at}; there are ${Object.keys(members).join(', ')}`);
    // As JSON again it would be null, which is no limit.
    if (member === Infinity || member === -Infinity) throw usage(file, `${at} is larger than any number`);
    if (below !== null) refuseUnknown(member, below, at, file);
  }
}

function usage(file: string, message: string, cause?: unknown): Fault {
  return new Fault('Usage', `${file}: ${message}`, { cause });
}
