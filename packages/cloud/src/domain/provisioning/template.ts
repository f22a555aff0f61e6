import { isJsonObject, type JsonObject } from '@greensward/kit';
import { type Expression, type Mappings, parseExpression, templateFault } from './expression.ts';

/** IoT: what a provisioning template declares of the thing, the certificate and the policies of a device. */
export interface Template {
  /** Declared parameters, with their default where they have one. */
  readonly parameters: ReadonlyMap<string, string | undefined>;
  readonly mappings: Mappings;
  readonly thing: Resource<ThingProperty, ThingSetting>;
  readonly certificate?: Resource<CertificateProperty, 'Status'>;
  readonly policies: readonly Resource<PolicyProperty, never>[];
  readonly deviceConfiguration?: Expression;
}

/** What is to become of what an existing thing or certificate has. MERGE: attributes and groups only. */
export type Override = 'DO_NOTHING' | 'REPLACE' | 'FAIL' | 'MERGE';

/** One resource; `name` is its logical name. */
interface Resource<P extends string, S extends string> {
  readonly name: string;
  readonly path: string;
  readonly properties: ReadonlyMap<P, Expression>;
  readonly overrides: ReadonlyMap<S, Override>;
}

const thingProperties = ['ThingName', 'AttributePayload', 'ThingTypeName', 'ThingGroups'] as const;
const certificateProperties = ['CertificateId', 'CertificateSigningRequest', 'CertificatePem', 'Status'] as const;
const policyProperties = ['PolicyName', 'PolicyDocument'] as const;
const thingSettings = ['AttributePayload', 'ThingTypeName', 'ThingGroups'] as const;

type ThingProperty = (typeof thingProperties)[number];
type CertificateProperty = (typeof certificateProperties)[number];
type PolicyProperty = (typeof policyProperties)[number];
type ThingSetting = (typeof thingSettings)[number];

/** The parameter that the service itself gives: the id of the certificate that is being registered. */
export const certificateIdParameter = 'AWS::IoT::Certificate::Id';

/** IoT: characters of a template body. */
const maxLength = 10_240;
const maxDepth = 32;
const resourceTypes = ['AWS::IoT::Thing', 'AWS::IoT::Certificate', 'AWS::IoT::Policy'];

/**
 * Reads a template body. Throws InvalidRequestException for what is wrong in it, with the place. `use` is what it is for: a
 * device that provisions itself brings a certificate, so a fleet's template has one resource for it.
 */
export function parseTemplate(body: string, use: 'fleet' | 'register'): Template {
  const root = readBody(body);
  known(root, 'template', ['Parameters', 'Mappings', 'Resources', 'DeviceConfiguration']);
  const parameters = parseParameters(root['Parameters']);
  const declared = new Set([...parameters.keys(), certificateIdParameter]);
  const resources = Object.entries(object(root['Resources'], 'Resources'));
  const of = (type: string) => resources.filter(([, resource]) => isJsonObject(resource) && resource['Type'] === type);
  for (const [name, resource] of resources) {
    const type = object(resource, `Resources.${name}`)['Type'];
    if (typeof type !== 'string' || !resourceTypes.includes(type)) {
      throw templateFault(`Resources.${name}.Type`, `must be one of ${resourceTypes.join(', ')}`);
    }
  }
  const things = of('AWS::IoT::Thing').map((entry) => parseResource(entry, declared, thingProperties, thingSettings));
  const certificates = of('AWS::IoT::Certificate').map((entry) =>
    parseResource(entry, declared, certificateProperties, ['Status']),
  );
  const policies = of('AWS::IoT::Policy').map((entry) => parseResource(entry, declared, policyProperties, []));
  const [thing, ...moreThings] = things;
  const [certificate, ...moreCertificates] = certificates;
  if (thing === undefined || moreThings.length > 0) throw templateFault('Resources', 'must have one AWS::IoT::Thing');
  if (moreCertificates.length > 0 || (use === 'fleet' && certificate === undefined)) {
    throw templateFault('Resources', 'must have one AWS::IoT::Certificate');
  }
  if (certificate === undefined && policies.length > 0) {
    throw templateFault('Resources', 'has a policy, but no certificate to attach it to');
  }
  if (!thing.properties.has('ThingName')) throw templateFault(thing.path, 'ThingName is required');
  if (certificate !== undefined) oneOf(certificate, certificateProperties.slice(0, 3));
  for (const policy of policies) oneOf(policy, policyProperties);
  const configuration = root['DeviceConfiguration'];
  return {
    parameters,
    mappings: parseMappings(root['Mappings']),
    thing,
    ...(certificate === undefined ? {} : { certificate }),
    policies,
    ...(configuration === undefined ? {} : { deviceConfiguration: parseConfiguration(configuration, declared) }),
  };
}

function readBody(body: string): JsonObject {
  if (body.length > maxLength) throw templateFault('template', `is longer than ${maxLength} characters`);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw templateFault('template', 'is not JSON');
  }
  if (!isShallow(value, maxDepth)) throw templateFault('template', `is nested deeper than ${maxDepth} levels`);
  return object(value, 'template');
}

function isShallow(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return left > 0 && Object.values(value).every((member) => isShallow(member, left - 1));
}

function parseParameters(value: unknown): ReadonlyMap<string, string | undefined> {
  const parameters = new Map<string, string | undefined>();
  if (value === undefined) return parameters;
  for (const [name, declaration] of Object.entries(object(value, 'Parameters'))) {
    const path = `Parameters.${name}`;
    const { Type: type, Default: byDefault, ...rest } = object(declaration, path);
    known(rest, path, ['Description']);
    if (type !== 'String') throw templateFault(`${path}.Type`, 'must be String');
    if (byDefault !== undefined && typeof byDefault !== 'string') {
      throw templateFault(`${path}.Default`, 'must be a string');
    }
    parameters.set(name, byDefault);
  }
  return parameters;
}

function parseMappings(value: unknown): Mappings {
  const entries = (each: unknown, path: string) => Object.entries(object(each, path));
  if (value === undefined) return new Map();
  return new Map(
    entries(value, 'Mappings').map(([map, tops]) => {
      const path = `Mappings.${map}`;
      const keys = entries(tops, path).map(([top, seconds]) => {
        const values = entries(seconds, `${path}.${top}`).map(
          ([second, found]) => [second, mapped(found, `${path}.${top}.${second}`)] as const,
        );
        return [top, new Map(values)] as const;
      });
      return [map, new Map(keys)] as const;
    }),
  );
}

function mapped(value: unknown, path: string): string | readonly string[] {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw templateFault(path, 'must be a string or a list of strings');
}

function parseResource<P extends string, S extends string>(
  [name, value]: readonly [string, unknown],
  declared: ReadonlySet<string>,
  propertyNames: readonly P[],
  settings: readonly S[],
): Resource<P, S> {
  const path = `Resources.${name}`;
  const resource = object(value, path);
  known(resource, path, ['Type', 'Properties', 'OverrideSettings']);
  const given = object(resource['Properties'], `${path}.Properties`);
  known(given, `${path}.Properties`, propertyNames);
  const properties = new Map<P, Expression>();
  for (const each of propertyNames) {
    // Known by its name, so no member of a prototype is meant.
    const property = given[each];
    if (property !== undefined) properties.set(each, parseExpression(property, `${path}.Properties.${each}`, declared));
  }
  return { name, path, properties, overrides: parseOverrides(resource['OverrideSettings'], path, settings) };
}

function parseOverrides<S extends string>(
  value: unknown,
  resource: string,
  settings: readonly S[],
): ReadonlyMap<S, Override> {
  const overrides = new Map<S, Override>();
  if (value === undefined) return overrides;
  const path = `${resource}.OverrideSettings`;
  const given = object(value, path);
  known(given, path, settings);
  for (const each of settings) {
    const setting = given[each];
    if (setting === undefined) continue;
    // IoT: MERGE is for what has parts, the attributes and the groups of a thing.
    const legal: readonly Override[] =
      each === 'AttributePayload' || each === 'ThingGroups'
        ? ['DO_NOTHING', 'REPLACE', 'FAIL', 'MERGE']
        : ['DO_NOTHING', 'REPLACE', 'FAIL'];
    const chosen = legal.find((override) => override === setting);
    if (chosen === undefined) throw templateFault(`${path}.${each}`, `must be one of ${legal.join(', ')}`);
    overrides.set(each, chosen);
  }
  return overrides;
}

function parseConfiguration(value: unknown, declared: ReadonlySet<string>): Expression {
  return parseExpression(object(value, 'DeviceConfiguration'), 'DeviceConfiguration', declared);
}

function oneOf<P extends string>(resource: Resource<P, string>, names: readonly P[]): void {
  const given = names.filter((name) => resource.properties.has(name));
  if (given.length !== 1) throw templateFault(`${resource.path}.Properties`, `must have one of ${names.join(', ')}`);
}

function object(value: unknown, path: string): JsonObject {
  if (!isJsonObject(value)) throw templateFault(path, value === undefined ? 'is required' : 'must be an object');
  return value;
}

function known(value: JsonObject, path: string, names: readonly string[]): void {
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const what = names.length === 0 ? 'nothing is known here' : `known are ${names.join(', ')}`;
  throw templateFault(`${path}.${unknown}`, `is not supported; ${what}`);
}
