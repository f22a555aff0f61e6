/** What a role that a device has assumed may do here: fetch what its components name in S3. */
const allowed: ReadonlySet<string> = new Set(['s3:GetBucketLocation', 's3:GetObject']);

/** STS: needs no permission. */
const always = 'sts:GetCallerIdentity';

const prefixes = new Map([
  ['greengrassv2', 'greengrass'],
  ['iot-data', 'iot'],
  ['iot-jobs-data', 'iotjobsdata'],
]);

/** The IAM action of an operation, `service:Name`. S3: to read the head of an object is to read the object. */
export function actionOf(service: string, operation: string): string {
  const name = service === 's3' && operation === 'HeadObject' ? 'GetObject' : operation;
  return `${prefixes.get(service) ?? service}:${name}`;
}

/** Whether the credentials of an assumed role allow an action. Roles have no policies of their own here (yet). */
export function sessionMay(action: string): boolean {
  return action === always || allowed.has(action);
}
