import { createHash } from 'node:crypto';
import { Fault } from '@greensward/kit';
import { iotInvalid } from '../domain/faults.ts';
import { type ProvisioningPlan, planProvisioning } from '../domain/provisioning/plan.ts';
import { parseTemplate } from '../domain/provisioning/template.ts';
import type { Certificate } from '../domain/registry/registry.ts';
import type { Tx } from '../ports/storage.ts';
import type { Claimant, ProvisioningUseCases } from './app.ts';
import { applyProvisioning, type Provisioned } from './apply-provisioning.ts';
import { createArns } from './arns.ts';
import type { AppDeps } from './context.ts';
import type { DeviceRights } from './device-rights.ts';
import { createProvisioningTemplates, requireTemplate } from './provisioning-templates.ts';

/** IoT: a claim certificate of CreateProvisioningClaim is good for 5 minutes. */
const claimMs = 300_000;

/** How things and their certificates come to be registered by a template: by devices with a claim, and by an operator. */
export function createProvisioning(deps: AppDeps, rights: DeviceRights): ProvisioningUseCases {
  const { storage, authority, tokens, clock, ids, bus, account } = deps;
  const arns = createArns(account);

  /** A certificate for a device that is not registered yet, and what proves that it is the device's. */
  async function issue<T extends { certificateId: string; certificatePem: string }>(
    claimant: Claimant,
    make: () => Promise<T>,
  ): Promise<T & { token: string }> {
    requireCurrent(claimant, clock.now());
    const issued = await make();
    await storage.write((tx) => tx.certificates.insert(certificateOf(issued, 'PENDING_ACTIVATION', clock.now())));
    return { ...issued, token: tokens.issue(issued.certificateId, claimant.certificateId) };
  }

  async function tell(
    { joined, pendingChanged, deactivated, certificates }: Provisioned,
    certificateId: string | undefined,
  ): Promise<void> {
    if (joined) bus.publish({ kind: 'rollout' });
    if (pendingChanged.length > 0) bus.publish({ kind: 'pending-changed', things: pendingChanged });
    if (deactivated && certificateId !== undefined) bus.publish({ kind: 'certificate-changed', certificateId });
    bus.publish({ kind: 'things-changed' });
    bus.publish({ kind: 'rights-changed', certificates });
    await rights.settled();
  }

  return {
    templates: createProvisioningTemplates(deps),

    async createClaim(template) {
      await storage.read((tx) => requireTemplate(tx, template));
      // A certificate says whole seconds.
      const expiresAt = Math.floor((clock.now() + claimMs) / 1000) * 1000;
      const issued = await authority.issueClient({ notAfter: expiresAt });
      await storage.write(async (tx) => {
        await requireTemplate(tx, template);
        await tx.certificates.insert(certificateOf(issued, 'ACTIVE', clock.now()));
        await tx.provisioning.insertClaim({ certificateId: issued.certificateId, template, expiresAt });
      });
      return { ...issued, expiresAt };
    },

    createKeys: (claimant) => issue(claimant, () => authority.issueClient()),

    createFromCsr: (claimant, csr) => issue(claimant, () => authority.issueForCsr(csr)),

    async provision(claimant, { template: name, token, parameters }) {
      const now = clock.now();
      requireCurrent(claimant, now);
      if (claimant.template !== undefined && claimant.template !== name) {
        throw new Fault('UnauthorizedException', `This claim is for the template ${claimant.template}.`);
      }
      const certificateId = tokens.certificateOf(token, claimant.certificateId);
      if (certificateId === undefined) throw invalidToken('The token is not valid here, or has expired.');
      const body = await storage.read((tx) => enabledBody(tx, name));
      const plan = planProvisioning(parseTemplate(body, 'fleet'), parameters, certificateId);
      const { source } = plan.certificate ?? {};
      if (source?.kind !== 'id' || source.id !== certificateId) {
        throw iotInvalid(`The template ${name} does not register the certificate of the device.`);
      }
      const done = await storage.write(async (tx) => {
        const certificate = await tx.certificates.get(certificateId);
        if (certificate === undefined) throw invalidToken('The certificate of the token is not there any more.');
        if (certificate.status !== 'PENDING_ACTIVATION') {
          // An answer may be lost, and the device ask again: it is told what was done. For all else the token is spent.
          const mine = await tx.things.ofCertificate(certificateId);
          if (certificate.status === 'ACTIVE' && mine.includes(plan.thing.name)) return undefined;
          throw invalidToken('The certificate of the token is registered already.');
        }
        return applyProvisioning(tx, plan, certificate, { arns, ids, now });
      });
      if (done !== undefined) await tell(done, undefined);
      return { thingName: plan.thing.name, deviceConfiguration: plan.deviceConfiguration };
    },

    async register({ body, parameters }) {
      const now = clock.now();
      const plan = planProvisioning(parseTemplate(body, 'register'), parameters);
      const source = plan.certificate?.source;
      const issued = source?.kind === 'csr' ? await authority.issueForCsr(source.csr) : undefined;
      const { certificate, done } = await storage.write(async (tx) => {
        if (issued !== undefined) await tx.certificates.insert(certificateOf(issued, 'PENDING_ACTIVATION', now));
        const id = issued?.certificateId ?? (source === undefined ? undefined : idOf(source));
        const found = id === undefined ? undefined : await tx.certificates.get(id);
        if (id !== undefined && found === undefined) {
          throw new Fault('ResourceRegistrationFailureException', `The certificate ${id} is not registered here.`);
        }
        return { certificate: found, done: await applyProvisioning(tx, plan, found, { arns, ids, now }) };
      });
      await tell(done, certificate?.id);
      return {
        ...(certificate === undefined ? {} : { certificatePem: certificate.pem }),
        resourceArns: done.resourceArns,
      };
    },
  };
}

function certificateOf(
  issued: { readonly certificateId: string; readonly certificatePem: string },
  status: Certificate['status'],
  now: number,
): Certificate {
  return { id: issued.certificateId, pem: issued.certificatePem, status, createdAt: now, updatedAt: now };
}

/** The id of a certificate that a template names itself. */
function idOf(source: NonNullable<ProvisioningPlan['certificate']>['source']): string | undefined {
  if (source.kind === 'id') return source.id;
  if (source.kind === 'csr') return undefined;
  const base64 = source.pem.match(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/)?.[1];
  if (base64 === undefined)
    throw new Fault('ResourceRegistrationFailureException', 'CertificatePem is no certificate.');
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
}

/** A connection may outlive the claim it was made with. */
function requireCurrent({ expiresAt }: Claimant, now: number): void {
  if (expiresAt !== undefined && expiresAt <= now) throw new Fault('UnauthorizedException', 'The claim has expired.');
}

async function enabledBody(tx: Tx, name: string): Promise<string> {
  const template = await requireTemplate(tx, name);
  if (!template.enabled) throw new Fault('UnauthorizedException', `The template ${name} is not enabled.`);
  const version = await tx.provisioning.version(name, template.defaultVersion);
  if (version === undefined) throw new Error(`the template ${name} has lost its version ${template.defaultVersion}`);
  return version.body;
}

function invalidToken(message: string): Fault {
  return new Fault('InvalidCertificateOwnershipToken', message);
}
