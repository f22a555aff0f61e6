import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import type { Reply } from '@greensward/mqtt/server';
import {
  type ProvisioningErrorCode,
  type ProvisioningTopic,
  parseCsrRequest,
  parseProvisioningTopic,
  parseProvisionRequest,
  provisioningRejection,
} from '@greensward/protocol/provisioning';
import type { App, Claimant } from '../app/app.ts';
import { createCreationLimit } from './creation-limit.ts';

/** What devices ask that have nothing but a claim certificate. */
export interface ProvisioningRequests {
  /**
   * Answers one request of a connection, on `accepted` or `rejected`; the answer may hold a private key, so nobody but the
   * connection may be given it. Never rejects.
   */
  answer(
    connection: object,
    claimant: Claimant,
    request: { readonly topic: string; readonly payload: Uint8Array },
  ): Promise<readonly Reply[]>;
}

/** How a fault of the use cases is told over MQTT. */
const codes = new Map<string, ProvisioningErrorCode>([
  ['CertificateValidationException', 'InvalidCertificateSigningRequest'],
  ['ConflictingResourceUpdateException', 'ResourceConflict'],
  ['InvalidCertificateOwnershipToken', 'InvalidCertificateOwnershipToken'],
  ['InvalidPayload', 'InvalidPayload'],
  ['InvalidRequestException', 'InvalidParameters'],
  ['ResourceNotFoundException', 'ResourceNotFound'],
  ['ResourceRegistrationFailureException', 'ResourceRegistrationFailure'],
  ['ThrottlingException', 'Throttled'],
  ['UnauthorizedException', 'Forbidden'],
  ['UnsupportedPayloadFormat', 'UnsupportedPayloadFormat'],
]);

export function createProvisioningRequests(deps: {
  readonly app: App;
  readonly timers: Timers;
  readonly log: Log;
}): ProvisioningRequests {
  const { app, timers, log } = deps;
  const creations = createCreationLimit(timers);

  async function answerOf(
    connection: object,
    claimant: Claimant,
    payload: Uint8Array,
    target: ProvisioningTopic,
  ): Promise<object> {
    if (target.format === 'cbor') {
      throw new Fault('UnsupportedPayloadFormat', 'CBOR is not supported: use the topic that ends in /json');
    }
    switch (target.kind) {
      case 'create-keys': {
        const issued = await creations.run(connection, () => app.provisioning.createKeys(claimant));
        return {
          certificateId: issued.certificateId,
          certificatePem: issued.certificatePem,
          privateKey: issued.privateKeyPem,
          certificateOwnershipToken: issued.token,
        };
      }
      case 'create-from-csr': {
        const csr = parseCsrRequest(payload);
        const issued = await creations.run(connection, () => app.provisioning.createFromCsr(claimant, csr));
        return {
          certificateId: issued.certificateId,
          certificatePem: issued.certificatePem,
          certificateOwnershipToken: issued.token,
        };
      }
      case 'provision': {
        const { token, parameters } = parseProvisionRequest(payload, target.template);
        const done = await app.provisioning.provision(claimant, { template: target.template, token, parameters });
        log.info('a device has provisioned itself', { thing: done.thingName, template: target.template });
        return { deviceConfiguration: done.deviceConfiguration, thingName: done.thingName };
      }
    }
  }

  return {
    async answer(connection, claimant, { topic, payload }) {
      const { certificateId } = claimant;
      const target = parseProvisioningTopic(topic);
      if (target === undefined) {
        log.warn('a message to an unknown reserved topic was dropped', { certificateId, topic });
        return [];
      }
      try {
        const accepted = await answerOf(connection, claimant, payload, target);
        return [{ topic: `${topic}/accepted`, payload: JSON.stringify(accepted) }];
      } catch (error) {
        const code = (error instanceof Fault ? codes.get(error.code) : undefined) ?? 'InternalError';
        if (code === 'InternalError') log.error('a provisioning request failed', { topic, error });
        else log.warn('a provisioning request was refused', { certificateId, topic, code, why: messageOf(error) });
        const why = code === 'InternalError' ? 'The service failed; try again.' : messageOf(error);
        return [{ topic: `${topic}/rejected`, payload: JSON.stringify(provisioningRejection(code, why)) }];
      }
    },
  };
}
