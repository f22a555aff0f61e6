// Writes packages/protocol/src/generated/: for every operation we serve, its wire table and TypeScript types, read from
// the schemas and declaration files of the AWS SDK (a development dependency). `--check` writes nothing and fails when a
// file is stale. To add an operation, add its name below and run `npm run generate`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Source {
  /** File name under generated/, and the name of the service in our code. */
  readonly service: string;
  readonly sdk: string;
  /** The SDK's exports, keyed by name; schemas end in `$`. */
  readonly load: () => Promise<object>;
  readonly operations: readonly string[];
}

const sources: readonly Source[] = [
  {
    service: 'greengrassv2',
    sdk: 'client-greengrassv2',
    load: () => import('@aws-sdk/client-greengrassv2'),
    operations: words(`
      CreateComponentVersion DescribeComponent GetComponent GetComponentVersionArtifact ListComponentVersions ListComponents
      DeleteComponent ResolveComponentCandidates CreateDeployment GetDeployment ListDeployments CancelDeployment DeleteDeployment
      GetCoreDevice ListCoreDevices DeleteCoreDevice ListInstalledComponents ListEffectiveDeployments
      TagResource UntagResource ListTagsForResource
      BatchAssociateClientDeviceWithCoreDevice BatchDisassociateClientDeviceFromCoreDevice
      ListClientDevicesAssociatedWithCoreDevice GetConnectivityInfo UpdateConnectivityInfo
      AssociateServiceRoleToAccount GetServiceRoleForAccount DisassociateServiceRoleFromAccount`),
  },
  {
    service: 'iot',
    sdk: 'client-iot',
    load: () => import('@aws-sdk/client-iot'),
    operations: words(`
      CreateThing DescribeThing UpdateThing DeleteThing ListThings ListThingPrincipals AttachThingPrincipal DetachThingPrincipal
      CreateThingGroup DescribeThingGroup DeleteThingGroup ListThingGroups AddThingToThingGroup RemoveThingFromThingGroup
      ListThingsInThingGroup ListThingGroupsForThing DescribeEndpoint
      DescribeJob ListJobs GetJobDocument ListJobExecutionsForJob ListJobExecutionsForThing DescribeJobExecution CancelJob
      CreateKeysAndCertificate DescribeCertificate UpdateCertificate DeleteCertificate ListCertificates
      CreatePolicy GetPolicy ListPolicies DeletePolicy AttachPolicy DetachPolicy ListAttachedPolicies
      CreateRoleAlias DescribeRoleAlias UpdateRoleAlias DeleteRoleAlias ListRoleAliases
      UpdateThingGroup UpdateThingGroupsForThing TagResource UntagResource ListTagsForResource
      CancelJobExecution DeleteJob DeleteJobExecution
      CreateProvisioningTemplate DescribeProvisioningTemplate UpdateProvisioningTemplate DeleteProvisioningTemplate
      ListProvisioningTemplates CreateProvisioningTemplateVersion DescribeProvisioningTemplateVersion
      DeleteProvisioningTemplateVersion ListProvisioningTemplateVersions CreateProvisioningClaim RegisterThing
      CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion SetDefaultPolicyVersion ListTargetsForPolicy
      AttachPrincipalPolicy DetachPrincipalPolicy ListPrincipalPolicies ListPolicyPrincipals GetEffectivePolicies
      CreateCertificateFromCsr RegisterCertificate RegisterCertificateWithoutCA ListCertificatesByCA RegisterCACertificate
      DescribeCACertificate UpdateCACertificate DeleteCACertificate ListCACertificates GetRegistrationCode ListPrincipalThings
      CreateThingType DescribeThingType ListThingTypes DeprecateThingType DeleteThingType
      CreateDynamicThingGroup UpdateDynamicThingGroup DeleteDynamicThingGroup
      SearchIndex ListIndices DescribeIndex GetIndexingConfiguration UpdateIndexingConfiguration`),
  },
  {
    service: 'iot-data',
    sdk: 'client-iot-data-plane',
    load: () => import('@aws-sdk/client-iot-data-plane'),
    operations: words('GetThingShadow UpdateThingShadow DeleteThingShadow ListNamedShadowsForThing Publish'),
  },
  {
    service: 'iot-jobs-data',
    sdk: 'client-iot-jobs-data-plane',
    load: () => import('@aws-sdk/client-iot-jobs-data-plane'),
    operations: words('GetPendingJobExecutions StartNextPendingJobExecution DescribeJobExecution UpdateJobExecution'),
  },
  {
    service: 'sts',
    sdk: 'client-sts',
    load: () => import('@aws-sdk/client-sts'),
    operations: words('GetCallerIdentity'),
  },
];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

// --- the SDK's schema arrays -------------------------------------------------------------------------------------------
// [0, namespace, name, traits, type]                                     a named simple type
// [1 | 2, namespace, name, traits, (key,) value]                         a list, a map
// [3 | -3, namespace, name, traits, names, types, required count]        a structure, an error
// [9, namespace, name, traits, input, output]                            an operation
// A type is a number, an array, a function that returns one, or [type, member traits].

const SIMPLE: Readonly<Record<number, string>> = { 0: 'string', 1: 'number', 2: 'boolean', 4: 'timestamp', 21: 'blob' };
const LIST = 64;
const MAP = 128;
const TRAIT_LABEL = 1;
const TRAIT_PAYLOAD = 16;

function call(value: unknown): unknown {
  return typeof value === 'function' ? call(value()) : value;
}

function array(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`expected an array for ${what}`);
  return value;
}

interface Member {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly in?: 'label' | 'query' | 'header' | 'payload';
  /** The name on the wire, where it differs from `name`. */
  readonly wire?: string;
}

/** What the declaration files say and the schemas do not: enum values, which members use them, errors of an operation. */
class Declarations {
  readonly enums = new Map<string, string[]>();
  /** `Interface.member` -> declared type. */
  readonly members = new Map<string, string>();
  /** `Interface.member` of the members declared without `?`. */
  readonly required = new Set<string>();
  private readonly folder: string;

  constructor(sdk: string) {
    this.folder = fileURLToPath(new URL(`../node_modules/@aws-sdk/${sdk}/dist-types/`, import.meta.url));
    for (const file of readdirSync(`${this.folder}models`)) {
      if (file.endsWith('.d.ts')) this.read(readFileSync(`${this.folder}models/${file}`, 'utf8'));
    }
  }

  private read(text: string): void {
    for (const [, name = '', body = ''] of text.matchAll(/^export declare const (\w+): \{\n([^}]*)\};/gm)) {
      this.enums.set(
        name,
        [...body.matchAll(/: "([^"]*)";/g)].map((found) => found[1] ?? ''),
      );
    }
    for (const [, name = '', body = ''] of text.matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm)) {
      for (const [, member = '', optional, type = ''] of body.matchAll(/^ {4}(\w+)(\??): (.+);$/gm)) {
        this.members.set(`${name}.${member}`, type.replace(/ \| undefined/g, ''));
        if (optional === '') this.required.add(`${name}.${member}`);
      }
    }
  }

  enumOf(owner: string, member: string): string | undefined {
    const name = this.members.get(`${owner}.${member}`)?.match(/^(?:Record<string, (\w+)>|(\w+)(?:\[\])?)$/);
    const found = name?.[1] ?? name?.[2];
    return found !== undefined && this.enums.has(found) ? found : undefined;
  }

  errorsOf(operation: string): string[] {
    const text = readFileSync(`${this.folder}commands/${operation}Command.d.ts`, 'utf8');
    const names = [...text.matchAll(/@throws \{@link (\w+Exception)\}/g)].map((found) => found[1] ?? '');
    return [...new Set(names)]
      .filter((name) => !name.endsWith('ServiceException') || name === 'ServiceException')
      .sort();
  }
}

class Writer {
  readonly structures = new Map<string, Member[]>();
  readonly usedEnums = new Set<string>();
  private readonly declarations: Declarations;

  constructor(declarations: Declarations) {
    this.declarations = declarations;
  }

  /** The table's text for a type: `string`, `@Enum`, `[element]`, `{value}` or the name of a structure. */
  private type(schema: unknown, owner: string, member: string): string {
    const at = call(schema);
    if (typeof at === 'number') {
      if (at >= MAP) return `{${this.simple(at - MAP, owner, member)}}`;
      if (at >= LIST) return `[${this.simple(at - LIST, owner, member)}]`;
      return this.simple(at, owner, member);
    }
    const parts = array(at, `${owner}.${member}`);
    if (parts[0] === 0) return this.type(parts[4], owner, member);
    if (parts[0] === 1) return `[${this.type(unwrap(parts[4]), owner, member)}]`;
    if (parts[0] === 2) return `{${this.type(unwrap(parts[5]), owner, member)}}`;
    if (parts[0] === 3) return this.structure(parts);
    throw new Error(`${owner}.${member}: schema kind ${String(parts[0])} is not known`);
  }

  private simple(code: number, owner: string, member: string): string {
    const name = SIMPLE[code];
    if (name === undefined) throw new Error(`${owner}.${member}: simple type ${code} is not known`);
    const found = name === 'string' ? this.declarations.enumOf(owner, member) : undefined;
    if (found === undefined) return name;
    this.usedEnums.add(found);
    return `@${found}`;
  }

  structure(parts: readonly unknown[]): string {
    const owner = String(parts[2]);
    if (this.structures.has(owner)) return owner;
    const members: Member[] = [];
    this.structures.set(owner, members);
    const names = array(parts[4], owner);
    const types = array(parts[5], owner);
    const required = typeof parts[6] === 'number' ? parts[6] : 0;
    names.forEach((name, index) => {
      members.push(this.member(owner, String(name), types[index], index < required));
    });
    return owner;
  }

  private member(owner: string, name: string, schema: unknown, required: boolean): Member {
    const traits = traitsOf(schema);
    // Older SDK releases write no required count into the schema; their declarations say it.
    const declared = this.declarations.required.has(`${owner}.${name}`);
    const base = { name, type: this.type(unwrap(schema), owner, name), required: required || declared };
    if (traits.label) return { ...base, required: true, in: 'label' };
    if (traits.payload) return { ...base, in: 'payload' };
    if (traits.query !== undefined) return { ...base, in: 'query', ...wireName(name, traits.query) };
    if (traits.header !== undefined) return { ...base, in: 'header', ...wireName(name, traits.header.toLowerCase()) };
    return { ...base, ...(traits.json === undefined ? {} : wireName(name, traits.json)) };
  }
}

function wireName(name: string, wire: string): { wire?: string } {
  return wire === name ? {} : { wire };
}

/** [type, traits] is a member; an array that starts with a number and a namespace is a schema. */
function unwrap(schema: unknown): unknown {
  return Array.isArray(schema) && schema.length === 2 ? schema[0] : schema;
}

interface Traits {
  readonly label: boolean;
  readonly payload: boolean;
  readonly query?: string;
  readonly header?: string;
  readonly json?: string;
}

function traitsOf(schema: unknown): Traits {
  if (!Array.isArray(schema) || schema.length !== 2) return { label: false, payload: false };
  const traits: unknown = schema[1];
  if (typeof traits === 'number')
    return { label: (traits & TRAIT_LABEL) !== 0, payload: (traits & TRAIT_PAYLOAD) !== 0 };
  const named = new Map(Object.entries(Object(traits)));
  const text = (key: string) => (named.has(key) ? String(named.get(key)) : undefined);
  const query = text('httpQuery');
  const header = text('httpHeader');
  const json = text('jsonName');
  return {
    label: named.has('httpLabel'),
    payload: named.has('httpPayload'),
    ...(query === undefined ? {} : { query }),
    ...(header === undefined ? {} : { header }),
    ...(json === undefined ? {} : { json }),
  };
}

// --- the text ----------------------------------------------------------------------------------------------------------

const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const key = (text: string) => (/^[A-Za-z_]\w*$/.test(text) ? text : quote(text));

function typescript(type: string): string {
  if (type.startsWith('[')) return `readonly ${wrap(typescript(type.slice(1, -1)))}[]`;
  if (type.startsWith('{')) return `{ readonly [key: string]: ${typescript(type.slice(1, -1))} }`;
  if (type.startsWith('@')) return type.slice(1);
  if (type === 'timestamp') return 'Timestamp';
  return type === 'blob' ? 'Uint8Array' : type;
}

const wrap = (type: string) => (type.includes(' ') ? `(${type})` : type);

function memberTable(member: Member): string {
  const parts = [`type: ${quote(member.type)}`];
  if (member.required) parts.push('required: true');
  if (member.in !== undefined) parts.push(`in: ${quote(member.in)}`);
  if (member.wire !== undefined) parts.push(`wire: ${quote(member.wire)}`);
  return `      ${key(member.name)}: { ${parts.join(', ')} },`;
}

const sorted = <T>(entries: Iterable<readonly [string, T]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

function httpOf(schema: readonly unknown[]): readonly [method: string, uri: string, status: number] {
  const traits: unknown = schema[3];
  // The Query protocol (STS) has no binding: every call is a form posted to "/".
  if (typeof traits !== 'object' || traits === null || !('http' in traits)) return ['POST', '/', 200];
  const http = array(traits.http, 'http');
  return [String(http[0]), String(http[1]), Number(http[2])];
}

async function generate(source: Source): Promise<string> {
  const exported = new Map(Object.entries(await source.load()));
  const folder = new URL(`../node_modules/@aws-sdk/${source.sdk}/package.json`, import.meta.url);
  const version: unknown = JSON.parse(readFileSync(folder, 'utf8')).version;
  const declarations = new Declarations(source.sdk);
  const writer = new Writer(declarations);
  const all = new Map<string, readonly unknown[]>();
  for (const [name, value] of exported) {
    if (name.endsWith('$') && Array.isArray(value) && value[0] === 9) all.set(String(value[2]), value);
  }

  const operations: string[] = [];
  const operationTypes: string[] = [];
  const errorNames = new Set<string>();
  for (const name of source.operations) {
    const schema = all.get(name);
    if (schema === undefined) throw new Error(`${source.sdk} has no operation ${name}`);
    const [method, uri, status] = httpOf(schema);
    const side = (value: unknown) => {
      const at = call(value);
      return at === 'unit' ? undefined : writer.structure(array(at, name));
    };
    const input = side(schema[4]);
    const output = side(schema[5]);
    const errors = declarations.errorsOf(name);
    for (const error of errors) errorNames.add(error);
    operations.push(
      `    ${name}: {\n      method: ${quote(method)},\n      uri: ${quote(uri)},\n      status: ${status},\n` +
        (input === undefined ? '' : `      input: ${quote(input)},\n`) +
        (output === undefined ? '' : `      output: ${quote(output)},\n`) +
        `      errors: [${errors.map(quote).join(', ')}],\n    },`,
    );
    operationTypes.push(`  readonly ${name}: Operation<${input ?? 'undefined'}, ${output ?? 'undefined'}>;`);
  }

  const errors: string[] = [];
  for (const name of [...errorNames].sort()) {
    const schema = array(exported.get(`${name}$`), name);
    const members = new Writer(declarations);
    members.structure(schema);
    const traits: unknown = schema[3];
    const status =
      typeof traits === 'object' && traits !== null && 'httpError' in traits ? Number(traits.httpError) : 400;
    const rows = (members.structures.get(name) ?? []).filter((member) => member.name.toLowerCase() !== 'message');
    for (const used of members.usedEnums) writer.usedEnums.add(used);
    for (const [structure, list] of members.structures) if (structure !== name) writer.structures.set(structure, list);
    const text = rows.length === 0 ? '{}' : `{\n${rows.map((row) => `  ${memberTable(row)}`).join('\n')}\n      }`;
    errors.push(`    ${name}: { status: ${status}, members: ${text} },`);
  }

  const enums = [...writer.usedEnums].sort();
  const structures = sorted(writer.structures);
  const usesTime = structures.some(([, members]) => members.some((member) => member.type.includes('timestamp')));
  const lines = [
    `// Generated by tools/generate-operations.ts from @aws-sdk/${source.sdk} ${String(version)}. Do not edit.`,
    `import type { Operation, ServiceTable${usesTime ? ', Timestamp' : ''} } from '../table.ts';`,
    '',
  ];
  for (const name of enums) {
    const values = declarations.enums.get(name) ?? [];
    lines.push(
      `/** @public */`,
      `export type ${name} =`,
      `${values.map((value) => `  | ${quote(value)}`).join('\n')};`,
      '',
    );
  }
  for (const [name, members] of structures) {
    lines.push(`/** @public */`, `export interface ${name} {`);
    for (const member of members) {
      const type = typescript(member.type);
      lines.push(`  readonly ${key(member.name)}${member.required ? `: ${type}` : `?: ${type} | undefined`};`);
    }
    lines.push('}', '');
  }
  lines.push(`export interface Operations {`, ...operationTypes, '}', '', 'export const table: ServiceTable = {');
  lines.push(`  service: ${quote(source.service)},`, '  operations: {', ...operations, '  },', '  enums: {');
  for (const name of enums) {
    lines.push(`    ${name}: [${(declarations.enums.get(name) ?? []).map(quote).join(', ')}],`);
  }
  lines.push('  },', '  structures: {');
  for (const [name, members] of structures) {
    if (members.length === 0) lines.push(`    ${name}: {},`);
    else lines.push(`    ${name}: {`, ...members.map(memberTable), '    },');
  }
  lines.push('  },', '  errors: {', ...errors, '  },', '  allOperations: {');
  for (const [name, schema] of sorted(all)) {
    const [method, uri] = httpOf(schema);
    lines.push(`    ${name}: [${quote(method)}, ${quote(uri)}],`);
  }
  lines.push('  },', '};', '');
  return lines.join('\n');
}

const check = process.argv.includes('--check');
const stale: string[] = [];
for (const source of sources) {
  const file = new URL(`../packages/protocol/src/generated/${source.service}.ts`, import.meta.url);
  const text = await generate(source);
  if (!check) writeFileSync(file, text);
  else if (read(file) !== text) stale.push(fileURLToPath(file));
}
if (stale.length > 0) {
  console.error(`stale, run \`npm run generate\`:\n${stale.join('\n')}`);
  process.exitCode = 1;
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // Not written yet: stale.
  }
}
