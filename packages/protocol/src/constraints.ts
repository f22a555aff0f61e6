import type { Constraint, Constraints } from './table.ts';

// Limits the SDK does not carry: lengths, patterns and ranges of the public API models and guides. Clients check few of
// them (never `max` nor `pattern`), so they are the server's. Only what is read as input is checked.

const nonEmpty: Constraint = { min: 1 };
const thingName: Constraint = {
  min: 1,
  max: 128,
  pattern: /^[a-zA-Z0-9:_-]+$/,
  legal: 'have only letters, digits, ":", "_" and "-"',
};
const componentName: Constraint = { min: 1, max: 128 };
const componentVersion: Constraint = { min: 1, max: 64 };
const ggTags: Constraint = { min: 1, max: 200, key: { min: 1, max: 128 }, each: { max: 256 } };
const componentVersionArn: Constraint = {
  pattern: /^arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+:versions:[^:]+$/,
  legal: 'be the ARN of a component version, arn:aws:greengrass:REGION:ACCOUNT:components:NAME:versions:VERSION',
};
const componentArn: Constraint = {
  pattern: /^arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):components:[^:]+$/,
  legal: 'be the ARN of a component without a version, arn:aws:greengrass:REGION:ACCOUNT:components:NAME',
};
const thingGroupArn: Constraint = {
  pattern: /^arn:[^:]*:iot:[^:]*:[0-9]+:thinggroup\/.+$/,
  legal: 'be the ARN of a thing group, arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME',
};
const targetArn: Constraint = {
  pattern: /^arn:[^:]*:iot:[^:]*:[0-9]+:(thing|thinggroup)\/.+$/,
  legal: 'be the ARN of a thing or a thing group, arn:aws:iot:REGION:ACCOUNT:thing/NAME or .../thinggroup/NAME',
};
const genericArn: Constraint = {
  pattern: /^arn:[^:]*:greengrass:[^:]*:(aws|[0-9]+):(components|deployments|coreDevices):.*$/,
  legal: 'be the ARN of a component version, a deployment or a core device, arn:aws:greengrass:REGION:ACCOUNT:...',
};
/** Seconds: the model has no bound; a device reads a 32-bit integer. */
const timeoutSeconds: Constraint = { min: 0, max: 2_147_483_647 };
const atLeastOne: Constraint = { min: 1 };

export const greengrassv2Constraints: Constraints = {
  '*.clientToken': { min: 1, max: 64, pattern: /^[a-zA-Z0-9-]+$/, legal: 'have only letters, digits and "-"' },
  '*.coreDeviceThingName': { min: 1, max: 128 },
  '*.deploymentId': nonEmpty,
  '*.maxResults': { min: 1, max: 100 },
  '*.tags': ggTags,
  'UntagResourceRequest.tagKeys': { min: 1, max: 200, each: { min: 1, max: 128 } },
  '*.resourceArn': genericArn,
  'DescribeComponentRequest.arn': componentVersionArn,
  'GetComponentRequest.arn': componentVersionArn,
  'GetComponentVersionArtifactRequest.arn': componentVersionArn,
  'DeleteComponentRequest.arn': componentVersionArn,
  'ListComponentVersionsRequest.arn': componentArn,
  'GetComponentVersionArtifactRequest.artifactName': nonEmpty,
  // ResolveComponentCandidates, and the Lambda form of CreateComponentVersion.
  'ComponentCandidate.componentName': componentName,
  'ComponentCandidate.componentVersion': componentVersion,
  'ComponentCandidate.versionRequirements': { key: nonEmpty, each: nonEmpty },
  'LambdaFunctionRecipeSource.lambdaArn': nonEmpty,
  'LambdaFunctionRecipeSource.componentName': componentName,
  'LambdaFunctionRecipeSource.componentVersion': componentVersion,
  'LambdaFunctionRecipeSource.componentDependencies': { key: nonEmpty },
  'ComponentDependencyRequirement.versionRequirement': nonEmpty,
  // CreateDeployment.
  'CreateDeploymentRequest.targetArn': targetArn,
  'CreateDeploymentRequest.parentTargetArn': thingGroupArn,
  'CreateDeploymentRequest.deploymentName': { min: 1, max: 256 },
  'CreateDeploymentRequest.components': { key: nonEmpty },
  'ComponentDeploymentSpecification.componentVersion': componentVersion,
  'ComponentConfigurationUpdate.merge': { min: 1, max: 10_485_760 },
  'ComponentConfigurationUpdate.reset': { each: { max: 256 } },
  'ComponentRunWith.posixUser': nonEmpty,
  'ComponentRunWith.windowsUser': nonEmpty,
  // Kilobytes. 9223372036854771712 in the model, which a double carries exactly.
  'SystemResourceLimits.memory': { min: 0, max: 2 ** 63 - 4096 },
  'SystemResourceLimits.cpus': { min: 0, decimals: Number.POSITIVE_INFINITY },
  'DeploymentComponentUpdatePolicy.timeoutInSeconds': timeoutSeconds,
  'DeploymentConfigurationValidationPolicy.timeoutInSeconds': timeoutSeconds,
  'IoTJobExecutionsRolloutConfig.maximumPerMinute': { min: 1, max: 1000 },
  'IoTJobExponentialRolloutRate.baseRatePerMinute': { min: 1, max: 1000 },
  // IoT Jobs asks 1.1, Greengrass' own shape 1: a factor of 1 would be refused one step later.
  'IoTJobExponentialRolloutRate.incrementFactor': { min: 1.1, max: 5, decimals: 1 },
  'IoTJobExponentialRolloutRate.rateIncreaseCriteria': atLeastOne,
  'IoTJobRateIncreaseCriteria.numberOfNotifiedThings': { min: 1 },
  'IoTJobRateIncreaseCriteria.numberOfSucceededThings': { min: 1 },
  'IoTJobAbortConfig.criteriaList': { min: 1 },
  'IoTJobAbortCriteria.thresholdPercentage': { min: 0, max: 100, decimals: 2 },
  'IoTJobAbortCriteria.minNumberOfExecutedThings': { min: 1 },
  'IoTJobTimeoutConfig.inProgressTimeoutInMinutes': { min: 1, max: 10_080 },
  // Lists.
  'ListDeploymentsRequest.targetArn': targetArn,
  'ListDeploymentsRequest.parentTargetArn': thingGroupArn,
  'ListCoreDevicesRequest.thingGroupArn': thingGroupArn,
  'ListCoreDevicesRequest.runtime': { min: 1, max: 255 },
  // Client devices, connectivity and the service role.
  '*.entries': { min: 1, max: 100 },
  '*.thingName': { min: 1, max: 128 },
  '*.connectivityInfo': { max: 100 },
  'ConnectivityInfo.portNumber': { min: 0, max: 65_535 },
  'AssociateServiceRoleToAccountRequest.roleArn': { max: 2048 },
};

/** Counts from 1, and is kept in 32 bits. */
const executionNumber: Constraint = { min: 0, max: 2_147_483_647 };
const wordLegal = 'have only letters, digits, "_" and "-"';
const jobId: Constraint = { min: 1, max: 64, pattern: /^[a-zA-Z0-9_-]+$/, legal: wordLegal };
const policyName: Constraint = {
  min: 1,
  max: 128,
  pattern: /^[\w+=,.@-]+$/,
  legal: 'have only letters, digits and "_+=,.@-"',
};
const roleAlias: Constraint = {
  min: 1,
  max: 128,
  pattern: /^[\w=,@-]+$/,
  legal: 'have only letters, digits and "_=,@-"',
};
const certificatePem: Constraint = { min: 1, max: 65_536 };
const namespaceId: Constraint = { pattern: /^[a-zA-Z0-9_-]+$/, legal: wordLegal };

/** IoT Jobs: at most 10 pairs, key 1-128 of `[a-zA-Z0-9:_-]`, value 1-1024. */
const statusDetailsConstraint: Constraint = {
  max: 10,
  key: { min: 1, max: 128, pattern: /^[a-zA-Z0-9:_-]+$/ },
  each: { min: 1, max: 1024 },
};
const templateBody: Constraint = { max: 10_240 };
/** Everything but control characters. */
const templateDescription: Constraint = { max: 500, pattern: /^[^\p{C}]*$/u };

export const iotConstraints: Constraints = {
  '*.thingName': thingName,
  '*.thingTypeName': thingName,
  '*.billingGroupName': thingName,
  '*.thingGroupName': thingName,
  '*.queryString': nonEmpty,
  '*.indexName': thingName,
  '*.queryVersion': nonEmpty,
  'ThingTypeProperties.thingTypeDescription': { max: 2028, pattern: /^(?:[^\p{C}\p{Z}]| )*$/u },
  'ThingTypeProperties.searchableAttributes': { each: { max: 128, pattern: /^[a-zA-Z0-9_.,@/:#-]+$/ } },
  'ThingIndexingConfiguration.customFields': { max: 5 },
  'IndexingFilter.namedShadowNames': { max: 250, each: { min: 1, max: 64, pattern: /^[$a-zA-Z0-9:_-]+$/ } },
  'CreateThingGroupRequest.parentGroupName': thingName,
  'ListThingGroupsRequest.parentGroup': thingName,
  'ListThingGroupsRequest.namePrefixFilter': thingName,
  'AttributePayload.attributes': {
    key: { min: 1, max: 128, pattern: /^[a-zA-Z0-9_.,@/:#-]+$/ },
    each: { max: 800, pattern: /^[a-zA-Z0-9_.,@/:#=[\]-]*$/ },
  },
  'ListThingsRequest.attributeName': { max: 128, pattern: /^[a-zA-Z0-9_.,@/:#-]+$/ },
  'ListThingsRequest.attributeValue': { max: 800, pattern: /^[a-zA-Z0-9_.,@/:#=[\]-]*$/ },
  // \p{Graph} and space: everything but controls, surrogates and unassigned code points.
  'ThingGroupProperties.thingGroupDescription': { max: 2028, pattern: /^(?:[^\p{C}\p{Z}]| )*$/u },
  'Tag.Key': { min: 1, max: 128, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u },
  'Tag.Value': { max: 256, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u },
  '*.maxResults': { min: 1, max: 250 },
  '*.pageSize': { min: 1, max: 250 },
  '*.marker': { max: 1024, pattern: /^[A-Za-z0-9+/]+={0,2}$/, legal: 'be the nextMarker of an answer' },
  '*.certificateId': { min: 64, max: 64, pattern: /^(0x)?[a-fA-F0-9]+$/, legal: 'have only hexadecimal digits' },
  '*.policyName': policyName,
  '*.policyDocument': { max: 404_600 },
  '*.policyVersionId': { pattern: /^[0-9]{1,9}$/, legal: 'be the number of a version' },
  '*.caCertificateId': { min: 64, max: 64, pattern: /^(0x)?[a-fA-F0-9]+$/, legal: 'have only hexadecimal digits' },
  '*.certificateSigningRequest': { min: 1, max: 4096 },
  '*.certificatePem': certificatePem,
  '*.caCertificatePem': certificatePem,
  'RegisterCACertificateRequest.caCertificate': certificatePem,
  'RegisterCACertificateRequest.verificationCertificate': certificatePem,
  'AttachPrincipalPolicyRequest.principal': nonEmpty,
  'DetachPrincipalPolicyRequest.principal': nonEmpty,
  'ListPrincipalPoliciesRequest.principal': nonEmpty,
  'ListPrincipalThingsRequest.principal': nonEmpty,
  'GetEffectivePoliciesRequest.principal': nonEmpty,
  'AttachPolicyRequest.target': nonEmpty,
  'DetachPolicyRequest.target': nonEmpty,
  'ListAttachedPoliciesRequest.target': nonEmpty,
  'AttachThingPrincipalRequest.principal': nonEmpty,
  'DetachThingPrincipalRequest.principal': nonEmpty,
  'DescribeEndpointRequest.endpointType': { max: 128 },
  '*.templateName': { min: 1, max: 36, pattern: /^[0-9A-Za-z_-]+$/, legal: wordLegal },
  '*.templateBody': templateBody,
  '*.provisioningRoleArn': {
    min: 20,
    max: 2048,
    pattern: /^arn:[^:]*:iam::[0-9]{12}:role\/.+$/,
    legal: 'be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME',
  },
  'CreateProvisioningTemplateRequest.description': templateDescription,
  'UpdateProvisioningTemplateRequest.description': templateDescription,
  '*.versionId': { min: 1, max: 2_147_483_647 },
  'UpdateProvisioningTemplateRequest.defaultVersionId': { min: 1, max: 2_147_483_647 },
  '*.jobId': jobId,
  '*.executionNumber': executionNumber,
  '*.namespaceId': namespaceId,
  'ListJobsRequest.thingGroupId': { min: 1, max: 128, pattern: /^[a-zA-Z0-9-]+$/ },
  'CancelJobRequest.reasonCode': {
    max: 128,
    pattern: /^[\p{Lu}\p{Nd}_]+$/u,
    legal: 'have only capital letters, digits and "_"',
  },
  'CancelJobRequest.comment': { max: 2028, pattern: /^[^\p{C}]+$/u },
  '*.roleAlias': roleAlias,
  '*.roleArn': { min: 20, max: 2048 },
  '*.credentialDurationSeconds': { min: 900, max: 43_200 },
  'CancelJobExecutionRequest.statusDetails': statusDetailsConstraint,
  'UpdateThingGroupsForThingRequest.thingGroupsToAdd': { max: 10, each: thingName },
  'UpdateThingGroupsForThingRequest.thingGroupsToRemove': { max: 10, each: thingName },
  '*.resourceArn': nonEmpty,
  '*.tags': { max: 50 },
  'UntagResourceRequest.tagKeys': { max: 50, each: { min: 1, max: 128 } },
};

export const iotJobsDataConstraints: Constraints = {
  '*.thingName': thingName,
  'DescribeJobExecutionRequest.jobId': { min: 1, max: 64, pattern: /^([a-zA-Z0-9_-]+|\$next)$/ },
  'UpdateJobExecutionRequest.jobId': jobId,
  '*.executionNumber': executionNumber,
  // IoT Jobs: a device may write these four; the rest is the service's.
  'UpdateJobExecutionRequest.status': { values: ['IN_PROGRESS', 'FAILED', 'SUCCEEDED', 'REJECTED'] },
  '*.statusDetails': statusDetailsConstraint,
  // -1 discards the timer.
  '*.stepTimeoutInMinutes': { min: -1, max: 10_080 },
};

/** MQTT: what a message is published to has no wildcards. AWS: at most 256 bytes. */
const topicName: Constraint = { min: 1, max: 256, pattern: /^[^#+\0]+$/, legal: 'have no "#", "+" and no U+0000' };

export const iotDataConstraints: Constraints = {
  '*.thingName': thingName,
  '*.shadowName': { min: 1, max: 64, pattern: /^[$a-zA-Z0-9:_-]+$/ },
  'ListNamedShadowsForThingRequest.pageSize': { min: 1, max: 100 },
  'PublishRequest.topic': topicName,
  'PublishRequest.responseTopic': topicName,
  'PublishRequest.qos': { min: 0, max: 1 },
  // Seconds, 32 bits.
  'PublishRequest.messageExpiry': { min: 0, max: 4_294_967_295 },
};
