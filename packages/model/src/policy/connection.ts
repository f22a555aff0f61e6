import { type ContextValue, PolicyContext } from './policy-context.ts';

/** A thing that a certificate is attached to. */
export interface AttachedThing {
  readonly name: string;
  /** Attached as EXCLUSIVE_THING: the certificate is no other thing's. */
  readonly exclusive?: boolean;
}

/** The facts of a device's connection or request that IoT policies see. What is absent leaves its variables without value. */
export interface ConnectionFacts {
  /** Of the MQTT CONNECT; absent for HTTP. */
  readonly clientId?: string | undefined;
  /** What {@link connectionThing} says. */
  readonly thing?:
    | {
        readonly name: string;
        readonly type?: string | undefined;
        readonly attributes: Iterable<readonly [string, string]>;
      }
    | undefined;
  readonly certificate?: CertificateFacts | undefined;
  /** IPv4 or IPv6 address of the peer. */
  readonly sourceIp?: string | undefined;
  /** The name that the client asked for at TLS. */
  readonly domainName?: string | undefined;
}

export interface CertificateFacts {
  readonly id: string;
  /** In decimal, as IoT gives it to policies. */
  readonly serialNumber?: string | undefined;
  /** By the end of the variable's name: `Subject.CommonName`, `Issuer.Country`, `Subject.AlternativeName.DNSName`. */
  readonly attributes: Iterable<readonly [name: string, values: readonly string[]]>;
}

const MAX_CERTIFICATE_VALUES = 5;

/**
 * The thing that a connection acts as, for `iot:Connection.Thing.*` (IoT: Thing policy variables): the one that the certificate
 * is attached to exclusively, or the attached one whose name is the client id. Beyond IoT, `{T}#...` stands for T: so a nucleus
 * names its further connections, and as no thing's name holds `#` it cannot mean another thing.
 */
export function connectionThing<T extends AttachedThing>(clientId: string, attached: readonly T[]): T | undefined {
  const hash = clientId.indexOf('#');
  const name = hash < 0 ? clientId : clientId.slice(0, hash);
  return attached.find((thing) => thing.exclusive === true) ?? attached.find((thing) => thing.name === name);
}

/** The context of the requests of a connection: the variables that IoT documents, under their names. */
export function connectionContext(facts: ConnectionFacts): PolicyContext {
  const { clientId, thing, certificate } = facts;
  const entries: (readonly [string, ContextValue | undefined])[] = [
    ['iot:ClientId', clientId],
    ['aws:SourceIp', facts.sourceIp],
    ['iot:DomainName', facts.domainName],
    ['iot:Connection.Thing.ThingName', thing?.name],
    ['iot:Connection.Thing.ThingTypeName', thing?.type],
    // Known of connections only: a request over HTTP is not "unattached".
    [
      'iot:Connection.Thing.IsAttached',
      clientId === undefined && thing === undefined ? undefined : `${thing !== undefined}`,
    ],
  ];
  for (const [name, value] of thing?.attributes ?? []) {
    entries.push([`iot:Connection.Thing.Attributes[${name}]`, value]);
  }
  entries.push(...certificateEntries(certificate));
  return new PolicyContext(entries);
}

/** IoT: Certificate policy variables: the first value; `.1` and on for the next ones; `.List` for all; at most five. */
function certificateEntries(certificate: CertificateFacts | undefined): readonly (readonly [string, ContextValue])[] {
  if (certificate === undefined) return [];
  const entries: (readonly [string, ContextValue])[] = [];
  if (certificate.serialNumber !== undefined) entries.push(['iot:Certificate.SerialNumber', certificate.serialNumber]);
  for (const [name, all] of certificate.attributes) {
    const values = all.slice(0, MAX_CERTIFICATE_VALUES);
    const key = `iot:Certificate.${name}`;
    for (const [index, value] of values.entries()) entries.push([index === 0 ? key : `${key}.${index}`, value]);
    if (values.length > 0) entries.push([`${key}.List`, values]);
  }
  const available = entries.map(([key]) => key);
  return [...entries, ['iot:Certificate.AvailableKeys', available], ['iot:CertificateId', certificate.id]];
}
