import { type Clock, type Log, messageChain } from '@greensward/kit';
import {
  type CertificateFacts,
  type CompiledPolicies,
  compilePolicies,
  connectionContext,
  connectionThing,
  decide,
  type Policy,
  type PolicyContext,
  parsePolicy,
} from '@greensward/model/policy';
import type { Certificate, Thing } from '../domain/registry/registry.ts';
import type { Bus } from '../ports/bus.ts';
import type { CertificateRights, PolicyReference, Storage, Tx } from '../ports/storage.ts';
import type { Claimant, DeviceConnection, DeviceIdentity } from './app.ts';
import { type Arns, createArns } from './arns.ts';
import type { Account } from './context.ts';
import { parseCertificate } from './x509.ts';

/** What the holders of client certificates may do, kept in memory and kept true. */
export interface DeviceRights {
  /** Undefined unless the certificate is registered, ACTIVE and within its validity. */
  identity(certificateId: string): Promise<ConnectingDevice | undefined>;
  /** Resolves when every change that was told over the bus until now decides. */
  settled(): Promise<void>;
}

interface ConnectingDevice extends DeviceIdentity {
  connection(facts: { readonly clientId: string; readonly sourceIp: string }): DeviceConnection;
}

/** What decides about one certificate, as the registry has it. Replaced, never changed. */
interface Rights {
  readonly facts: CertificateFacts;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly things: readonly Thing[];
  /** Made by CreateProvisioningClaim, and attached to no thing. */
  readonly claim: Claimant | undefined;
  /** Of the certificate alone. */
  readonly own: CompiledPolicies;
  /** With those of the groups of its things. */
  readonly all: CompiledPolicies;
}

/** One certificate. Whoever holds the entry sees its rights change. */
interface Entry {
  readonly id: string;
  rights: Rights | undefined;
  /** Connections that decide by it. */
  holders: number;
}

/** Entries that nobody holds, for requests over HTTP; a connection's stays as long as the connection. */
const maxIdle = 10_000;
const maxCompiled = 1_000;
const batch = 500;

/** Greengrass: policies of thing groups do not allow its data plane. What they deny, they deny here too. */
const dataPlane = 'greengrass:';

export function createDeviceRights({
  storage,
  bus,
  clock,
  log,
  account,
}: {
  readonly storage: Storage;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly account: Account;
}): DeviceRights {
  const arns = createArns(account);
  const iot = `arn:${account.partition}:iot:${account.region}:${account.accountId}:`;
  const compile = createCompiler(log);
  const held = new Map<string, Entry>();
  const idle = new Map<string, Entry>();
  /** Entries whose rights may be those of before a change. */
  const stale = new Set<Entry>();
  let refreshing: Promise<void> | undefined;
  let changes = 0;

  function load(ids: readonly string[]): Promise<ReadonlyMap<string, Rights>> {
    return storage.read(async (tx) => {
      const found = await tx.rights.ofCertificates(ids, { certificate: arns.certificate, group: arns.group });
      const rights = new Map<string, Rights>();
      for (const [id, each] of found) {
        const made = await rightsOf(tx, each);
        if (made !== undefined) rights.set(id, made);
      }
      return rights;
    });
  }

  async function rightsOf(
    tx: Tx,
    { certificate, things, policies, groupPolicies }: CertificateRights,
  ): Promise<Rights | undefined> {
    if (certificate.status !== 'ACTIVE') return undefined;
    const own = await compile(tx, policies);
    const all = groupPolicies.length === 0 ? own : await compile(tx, [...policies, ...groupPolicies]);
    const claim = things.length === 0 ? await tx.provisioning.claim(certificate.id) : undefined;
    return { ...readCertificate(certificate, log), things, claim, own, all };
  }

  /** Reads what changed, again and again until nothing has changed meanwhile. Who cannot be read about may do nothing. */
  async function refresh(): Promise<void> {
    while (stale.size > 0) {
      const entries = [...stale].slice(0, batch);
      for (const entry of entries) stale.delete(entry);
      try {
        const found = await load(entries.map(({ id }) => id));
        // One that changed once more while it was read is in `stale` again: what was read may be either.
        for (const entry of entries) if (!stale.has(entry)) entry.rights = found.get(entry.id);
      } catch (error) {
        for (const entry of entries) {
          entry.rights = undefined;
          stale.add(entry);
        }
        log.error('the rights of devices could not be read', { devices: stale.size, error: messageChain(error) });
        break;
      }
    }
    refreshing = undefined;
  }

  /** One at a time; call it when something is stale. */
  function reread(): Promise<void> {
    refreshing ??= refresh();
    return refreshing;
  }

  function invalidate(certificates: readonly string[] | undefined): void {
    changes++;
    if (certificates === undefined) {
      idle.clear();
      for (const entry of held.values()) stale.add(entry);
    } else {
      for (const id of certificates) {
        idle.delete(id);
        const entry = held.get(id);
        if (entry !== undefined) stale.add(entry);
      }
    }
    if (stale.size > 0) void reread();
  }

  bus.subscribe((event) => {
    if (event.kind === 'rights-changed') invalidate(event.certificates);
    else if (event.kind === 'certificate-changed') {
      // No decision waits for the database: from now on this certificate may do nothing.
      const entry = held.get(event.certificateId);
      if (entry !== undefined) entry.rights = undefined;
      invalidate([event.certificateId]);
    }
  });

  async function entryOf(id: string): Promise<Entry | undefined> {
    const known = held.get(id);
    if (known !== undefined) {
      if (stale.has(known)) await reread();
      return known;
    }
    const unheld = idle.get(id);
    if (unheld !== undefined) return unheld;
    const before = changes;
    const rights = (await load([id])).get(id);
    if (rights === undefined) return undefined;
    const entry = { id, rights, holders: 0 };
    // Not kept when something changed meanwhile: this answer was true when it was asked for, and is nobody else's.
    if (before === changes && !held.has(id)) {
      const [oldest] = idle.size >= maxIdle ? idle.keys() : [];
      if (oldest !== undefined) idle.delete(oldest);
      idle.set(id, entry);
    }
    return entry;
  }

  function hold(entry: Entry): Entry {
    const present = held.get(entry.id);
    const kept = present ?? entry;
    kept.holders++;
    if (present === undefined) {
      held.set(entry.id, kept);
      // It may have been dropped from `idle` by a change that it has not heard of.
      if (idle.get(entry.id) !== entry) {
        stale.add(kept);
        void reread();
      }
      idle.delete(entry.id);
    }
    return kept;
  }

  function release(entry: Entry): void {
    entry.holders--;
    if (entry.holders > 0) return;
    held.delete(entry.id);
    stale.delete(entry);
  }

  function identityOf(first: Entry): ConnectingDevice {
    const { id } = first;
    return {
      certificateId: id,
      get things() {
        return first.rights?.things.map(({ name }) => name) ?? [];
      },
      request({ thing, sourceIp }) {
        const rights = first.rights;
        // Over HTTP there is no client id: the request acts as the thing that it is about, or as the only one.
        const named = rights?.things.find(({ name }) => name === thing);
        const acting = named ?? (rights?.things.length === 1 ? rights.things[0] : undefined);
        const context = rights && contextOf(rights, undefined, acting, sourceIp);
        return (action, resource) =>
          rights !== undefined && context !== undefined && isAllowed(rights, action, resource, context);
      },
      connection({ clientId, sourceIp }) {
        let entry = first;
        let holding = false;
        let seen: Rights | undefined;
        let context: PolicyContext | undefined;
        return {
          certificateId: id,
          get things() {
            return entry.rights?.things.map(({ name }) => name) ?? [];
          },
          get claim() {
            const { rights } = entry;
            return rights?.things.length === 0 ? (rights.claim ?? { certificateId: id }) : undefined;
          },
          may(action, resource) {
            const { rights } = entry;
            if (rights === undefined) return false;
            if (seen !== rights || context === undefined) {
              seen = rights;
              context = contextOf(rights, clientId, connectionThing(clientId, rights.things), sourceIp);
            }
            return isAllowed(rights, action, `${iot}${resource}`, context);
          },
          hold() {
            if (holding) return;
            holding = true;
            entry = hold(entry);
          },
          release() {
            if (holding) release(entry);
            holding = false;
          },
        };
      },
    };
  }

  return {
    async identity(certificateId) {
      const entry = await entryOf(certificateId);
      if (entry?.rights === undefined) return undefined;
      const { notBefore, notAfter, claim } = entry.rights;
      const now = clock.now();
      const ended = now > notAfter || (claim?.expiresAt ?? Number.POSITIVE_INFINITY) <= now;
      return now < notBefore || ended ? undefined : identityOf(entry);
    },
    settled: async () => {
      await refreshing;
    },
  };
}

function contextOf(
  rights: Rights,
  clientId: string | undefined,
  thing: Thing | undefined,
  sourceIp: string | undefined,
): PolicyContext {
  return connectionContext({
    clientId,
    certificate: rights.facts,
    sourceIp,
    ...(thing === undefined
      ? {}
      : { thing: { name: thing.name, type: thing.typeName, attributes: Object.entries(thing.attributes) } }),
  });
}

function isAllowed(rights: Rights, action: string, resource: string, context: PolicyContext): boolean {
  const decision = decide(rights.all, { action, resource, context });
  if (decision.reason === 'no-statement' && rights.claim !== undefined) {
    return decide(claimPolicies, { action, resource, context }).allowed;
  }
  if (!decision.allowed || rights.all === rights.own || !action.startsWith(dataPlane)) return decision.allowed;
  return decide(rights.own, { action, resource, context }).allowed;
}

/**
 * The facts and the validity of a certificate. It was read when it was registered, and who shows it shows every byte of it, so
 * a damaged copy in the registry locks nobody out: policies that speak of what it says do not apply.
 */
function readCertificate({ id, pem }: Certificate, log: Log): Pick<Rights, 'facts' | 'notBefore' | 'notAfter'> {
  try {
    const { facts, notBefore, notAfter } = parseCertificate(pem, `certificate ${id}`);
    return { facts, notBefore, notAfter };
  } catch (error) {
    log.error('a certificate of the registry cannot be read', { certificateId: id, error: messageChain(error) });
    return { facts: { id, attributes: [] }, notBefore: 0, notAfter: Number.POSITIVE_INFINITY };
  }
}

/** What every claim of CreateProvisioningClaim may do without a policy. Whether it is for a template, provisioning says. */
const claimPolicies = compilePolicies([{ name: 'provisioning claim', policy: parsePolicy(claimDocument(), 'iot') }]);

function claimDocument(): string {
  const topics = ['certificates/create/*', 'certificates/create-from-csr/*', 'provisioning-templates/*/provision/*'];
  const of = (kind: string) => topics.map((topic) => `arn:aws:iot:*:*:${kind}/$aws/${topic}`);
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: of('topic') },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: of('topicfilter') },
    ],
  });
}

type Compile = (tx: Tx, references: readonly PolicyReference[]) => Promise<CompiledPolicies>;

/** Most devices have the same policies: each set of them is compiled once. */
function createCompiler(log: Log): Compile {
  const known = new Map<string, CompiledPolicies>();
  return async (tx, references) => {
    const key = references.map(({ name, version, createdAt }) => `${name}/${version}/${createdAt}`).join(' ');
    const present = known.get(key);
    if (present !== undefined) return present;
    const documents = await tx.rights.documents(references);
    const policies: { name: string; policy: Policy }[] = [];
    for (const [index, { name }] of references.entries()) {
      const policy = parsed(name, documents[index], log);
      // What cannot be read may be what denies: then nothing is allowed.
      if (policy === undefined) return compilePolicies([]);
      policies.push({ name, policy });
    }
    const compiled = compilePolicies(policies);
    const [oldest] = known.size >= maxCompiled ? known.keys() : [];
    if (oldest !== undefined) known.delete(oldest);
    known.set(key, compiled);
    return compiled;
  };
}

/** Documents that an earlier version accepted may break the grammar. */
function parsed(name: string, document: string | undefined, log: Log): Policy | undefined {
  try {
    if (document !== undefined) return parsePolicy(document, 'iot');
  } catch (error) {
    const why = messageChain(error);
    log.error('a policy is malformed: certificates that carry it may do nothing until it is replaced', { name, why });
  }
  return undefined;
}

/** The certificates that a policy on this target decides about; undefined for all that it might be. */
export function certificatesBehind(arns: Arns, targets: readonly string[]): readonly string[] | undefined {
  const ids = targets.map((target) => arns.certificateId(target));
  return ids.every((id) => id !== undefined) ? ids : undefined;
}
