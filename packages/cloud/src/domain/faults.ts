import { Fault } from '@greensward/kit';

/** A member of a request that breaks a rule, as `ValidationException.fields` carries it. */
export interface FieldError {
  readonly name: string;
  readonly message: string;
}

/** Greengrass: 400, naming every field that is wrong. */
export function invalidFields(fields: readonly FieldError[]): Fault {
  const message = fields.map((field) => `${field.name}: ${field.message}`).join('; ');
  return new Fault('ValidationException', message, { context: { reason: 'FIELD_VALIDATION_FAILED', fields } });
}

/** Greengrass: 400, a rule that no single field breaks. */
export function invalidRequest(message: string): Fault {
  return new Fault('ValidationException', message, { context: { reason: 'OTHER' } });
}

/** Greengrass: 404. */
export function resourceNotFound(resourceType: string, resourceId: string): Fault {
  return new Fault('ResourceNotFoundException', `The ${resourceType} ${resourceId} does not exist.`, {
    context: { resourceId, resourceType },
  });
}

/** Greengrass: 409. */
export function conflict(resourceType: string, resourceId: string, message: string): Fault {
  return new Fault('ConflictException', message, { context: { resourceId, resourceType } });
}

/** IoT: 400. */
export function iotInvalid(message: string): Fault {
  return new Fault('InvalidRequestException', message);
}

/** IoT: 404. */
export function iotNotFound(kind: string, name: string): Fault {
  return new Fault('ResourceNotFoundException', `${kind} ${name} does not exist.`);
}

/** IoT: 409, the same name with another content. */
export function iotAlreadyExists(kind: string, resourceId: string, resourceArn: string): Fault {
  return new Fault(
    'ResourceAlreadyExistsException',
    `${kind} ${resourceId} already exists with a different configuration.`,
    {
      context: { resourceId, resourceArn },
    },
  );
}

/** IoT: 409, `expectedVersion` is not the version that is stored. */
export function iotVersionConflict(kind: string, name: string, actual: number): Fault {
  return new Fault('VersionConflictException', `${kind} ${name} is at version ${actual}.`);
}
