import { isJsonObject, type Json, type JsonObject } from '@greensward/kit';
import { type Expression, evaluate, type Scope, templateFault } from './expression.ts';
import { certificateIdParameter, type Override, type Template } from './template.ts';

/** What a template makes of the parameters of one device: values only, ready to be applied in one transaction. */
export interface ProvisioningPlan {
  readonly thing: {
    /** The logical name in the template. */
    readonly resource: string;
    readonly name: string;
    readonly attributes?: Readonly<Record<string, string>>;
    readonly typeName?: string;
    readonly groups?: readonly string[];
    /** For a thing that exists: IoT's texts give no default, and doing nothing takes nothing from it. */
    readonly overrides: { readonly attributes: Override; readonly type: Override; readonly groups: Override };
  };
  readonly certificate?: {
    readonly resource: string;
    readonly source: CertificateSource;
    readonly status: 'ACTIVE' | 'INACTIVE';
    /** For a certificate that waits for no registration. */
    readonly override: Override;
  };
  readonly policies: readonly PlannedPolicy[];
  readonly deviceConfiguration: JsonObject;
}

type CertificateSource =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'csr'; readonly csr: string }
  | { readonly kind: 'pem'; readonly pem: string };

/** An existing policy by its name, or a document that gets a name of its own. */
export type PlannedPolicy = { readonly resource: string } & ({ readonly name: string } | { readonly document: string });

/** Characters that all functions of a template may make together. */
const budget = 262_144;

/**
 * Evaluates a template. `given` are the parameters of the device: what the template does not declare is ignored, and
 * `certificateId` stands for itself, whatever is given under its name. Throws InvalidRequestException with the place.
 */
export function planProvisioning(
  template: Template,
  given: ReadonlyMap<string, string>,
  certificateId?: string,
): ProvisioningPlan {
  const values = new Map<string, string>();
  for (const [name, byDefault] of template.parameters) {
    const value = given.get(name) ?? byDefault;
    if (value !== undefined) values.set(name, value);
  }
  if (certificateId !== undefined) values.set(certificateIdParameter, certificateId);
  const scope: Scope = { values, mappings: template.mappings, budget };
  for (const name of template.parameters.keys()) {
    if (!values.has(name)) throw templateFault(`Parameters.${name}`, 'a value is required');
  }
  const { thing, certificate, policies, deviceConfiguration } = template;
  const configuration = deviceConfiguration === undefined ? {} : evaluate(deviceConfiguration, scope);
  return {
    thing: planThing(thing, scope),
    ...(certificate === undefined ? {} : { certificate: planCertificate(certificate, scope) }),
    policies: policies.map((policy) => planPolicy(policy, scope)),
    deviceConfiguration: isJsonObject(configuration) ? configuration : {},
  };
}

function planThing(
  { name: resource, properties, overrides }: Template['thing'],
  scope: Scope,
): ProvisioningPlan['thing'] {
  const name = required(properties.get('ThingName'), scope);
  if (!isName(name.value)) throw templateFault(name.path, `${JSON.stringify(name.value)} is not the name of a thing`);
  const attributes = properties.get('AttributePayload');
  const groups = properties.get('ThingGroups');
  const typeName = properties.get('ThingTypeName');
  return {
    resource,
    name: name.value,
    ...(attributes === undefined ? {} : { attributes: attributesOf(attributes, scope) }),
    ...(groups === undefined ? {} : { groups: groupsOf(groups, scope) }),
    ...(typeName === undefined ? {} : { typeName: required(typeName, scope).value }),
    overrides: {
      attributes: overrides.get('AttributePayload') ?? 'DO_NOTHING',
      type: overrides.get('ThingTypeName') ?? 'DO_NOTHING',
      groups: overrides.get('ThingGroups') ?? 'DO_NOTHING',
    },
  };
}

/** IoT: names and values of strings. */
function attributesOf(expression: Expression, scope: Scope): Readonly<Record<string, string>> {
  const value = evaluate(expression, scope);
  if (!isJsonObject(value)) throw templateFault(expression.path, 'must be an object');
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (typeof each !== 'string') throw templateFault(`${expression.path}.${name}`, 'must be a string');
      return [name, each];
    }),
  );
}

function groupsOf(expression: Expression, scope: Scope): readonly string[] {
  const value = evaluate(expression, scope);
  if (!Array.isArray(value)) throw templateFault(expression.path, 'must be a list of names');
  const names = value.map((each, index) => {
    if (typeof each === 'string' && isName(each)) return each;
    throw templateFault(`${expression.path}[${index}]`, 'must be the name of a thing group');
  });
  return [...new Set(names)];
}

function planCertificate(
  { name: resource, properties, overrides }: NonNullable<Template['certificate']>,
  scope: Scope,
): NonNullable<ProvisioningPlan['certificate']> {
  const status = properties.get('Status');
  return {
    resource,
    source: sourceOf(properties, scope),
    status: status === undefined ? 'ACTIVE' : statusOf(required(status, scope)),
    override: overrides.get('Status') ?? 'REPLACE',
  };
}

function sourceOf(properties: ReadonlyMap<string, Expression>, scope: Scope): CertificateSource {
  const csr = properties.get('CertificateSigningRequest');
  if (csr !== undefined) return { kind: 'csr', csr: required(csr, scope).value };
  const pem = properties.get('CertificatePem');
  if (pem !== undefined) return { kind: 'pem', pem: required(pem, scope).value };
  const id = required(properties.get('CertificateId'), scope);
  if (!/^[0-9a-f]{64}$/.test(id.value)) throw templateFault(id.path, 'must be the id of a certificate');
  return { kind: 'id', id: id.value };
}

/** IoT's own samples write `Active`. */
function statusOf({ value, path }: { readonly value: string; readonly path: string }): 'ACTIVE' | 'INACTIVE' {
  const upper = value.toUpperCase();
  if (upper === 'ACTIVE' || upper === 'INACTIVE') return upper;
  throw templateFault(path, 'must be ACTIVE or INACTIVE');
}

function planPolicy({ name: resource, properties }: Template['policies'][number], scope: Scope): PlannedPolicy {
  const document = properties.get('PolicyDocument');
  if (document === undefined) {
    const name = required(properties.get('PolicyName'), scope);
    if (!/^[\w+=,.@-]{1,128}$/.test(name.value)) throw templateFault(name.path, 'must be the name of a policy');
    return { resource, name: name.value };
  }
  const value: Json = evaluate(document, scope);
  if (typeof value === 'string') return { resource, document: value };
  if (!isJsonObject(value)) throw templateFault(document.path, 'must be a policy document');
  return { resource, document: JSON.stringify(value) };
}

function required(expression: Expression | undefined, scope: Scope): { readonly value: string; readonly path: string } {
  const path = expression?.path ?? 'template';
  const value = expression === undefined ? undefined : evaluate(expression, scope);
  if (typeof value !== 'string') throw templateFault(path, 'must be a string');
  return { value, path };
}

/** IoT: the names of things and of thing groups. */
function isName(value: string): boolean {
  return /^[a-zA-Z0-9:_-]{1,128}$/.test(value);
}
