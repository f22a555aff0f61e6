// The closed sets of names that cloud and device exchange. A value outside a set is for the reader to tolerate.

/** IoT Jobs: the statuses of a job execution. */
export const JOB_EXECUTION_STATUSES = [
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'REMOVED',
  'CANCELED',
] as const;
export type JobExecutionStatus = (typeof JOB_EXECUTION_STATUSES)[number];

/** The statuses a device may write: any other is the service's. */
export const DEVICE_JOB_STATUSES = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'] as const;
export type DeviceJobStatus = (typeof DEVICE_JOB_STATUSES)[number];

/** True when an execution of that status has ended. */
export function isTerminal(status: JobExecutionStatus): boolean {
  return status !== 'QUEUED' && status !== 'IN_PROGRESS';
}

/** How a deployment ended on a device, in detail. */
export const DETAILED_STATUSES = [
  'SUCCESSFUL',
  'FAILED_NO_STATE_CHANGE',
  'FAILED_ROLLBACK_NOT_REQUESTED',
  'FAILED_ROLLBACK_COMPLETE',
  'FAILED_UNABLE_TO_ROLLBACK',
  'REJECTED',
] as const;
export type DetailedStatus = (typeof DETAILED_STATUSES)[number];

/** Component states a device knows. */
export const COMPONENT_STATES = [
  'STATELESS',
  'NEW',
  'INSTALLED',
  'STARTING',
  'RUNNING',
  'STOPPING',
  'ERRORED',
  'BROKEN',
  'FINISHED',
  'UNINSTALLING',
  'UNINSTALLED',
] as const;
export type ComponentState = (typeof COMPONENT_STATES)[number];

/** What made a device send its fleet status. */
export const FLEET_STATUS_TRIGGERS = [
  'LOCAL_DEPLOYMENT',
  'THING_DEPLOYMENT',
  'THING_GROUP_DEPLOYMENT',
  'COMPONENT_STATUS_CHANGE',
  'RECONNECT',
  'NUCLEUS_LAUNCH',
  'NETWORK_RECONFIGURE',
  'CADENCE',
] as const;
export type FleetStatusTrigger = (typeof FLEET_STATUS_TRIGGERS)[number];

/** IoT Jobs over MQTT: the codes of a rejection. */
export type JobErrorCode =
  | 'InvalidTopic'
  | 'InvalidJson'
  | 'InvalidRequest'
  | 'InvalidStateTransition'
  | 'ResourceNotFound'
  | 'VersionMismatch'
  | 'InternalError'
  | 'RequestThrottled'
  | 'TerminalStateReached';

/** Deployment error codes by the type each stands for. */
const ERROR_CODES = {
  NONE: [
    'DEPLOYMENT_FAILURE',
    'DEPLOYMENT_REJECTED',
    'DEPLOYMENT_INTERRUPTED',
    'ARTIFACT_DOWNLOAD_ERROR',
    'NO_AVAILABLE_COMPONENT_VERSION',
    'COMPONENT_PACKAGE_LOADING_ERROR',
    'REJECTED_STALE_DEPLOYMENT',
    'CLOUD_API_ERROR',
    'IO_ERROR',
    'IO_MAPPING_ERROR',
    'DEPLOYMENT_DOCUMENT_NOT_VALID',
    'EMPTY_DEPLOYMENT_REQUEST',
    'DEPLOYMENT_DOCUMENT_PARSE_ERROR',
    'COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT',
    'COMPONENT_UPDATE_ERROR',
    'COMPONENT_BROKEN',
    'REMOVE_COMPONENT_ERROR',
    'COMPONENT_BOOTSTRAP_TIMEOUT',
    'COMPONENT_BOOTSTRAP_ERROR',
    'COMPONENT_CONFIGURATION_NOT_VALID',
  ],
  REQUEST_ERROR: [
    'NUCLEUS_MISSING_REQUIRED_CAPABILITIES',
    'COMPONENT_CIRCULAR_DEPENDENCY_ERROR',
    'UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE',
    'MISSING_DOCKER_APPLICATION_MANAGER',
    'MISSING_TOKEN_EXCHANGE_SERVICE',
    'COMPONENT_VERSION_REQUIREMENTS_NOT_MET',
    'MULTIPLE_NUCLEUS_RESOLVED_ERROR',
    'THROTTLING_ERROR',
    'CONFLICTED_REQUEST',
    'RESOURCE_NOT_FOUND',
    'RUN_WITH_CONFIG_NOT_VALID',
    'UNSUPPORTED_REGION',
    'IOT_CRED_ENDPOINT_FORMAT_NOT_VALID',
    'IOT_DATA_ENDPOINT_FORMAT_NOT_VALID',
    'S3_HEAD_OBJECT_RESOURCE_NOT_FOUND',
    'S3_GET_BUCKET_LOCATION_RESOURCE_NOT_FOUND',
    'S3_GET_OBJECT_RESOURCE_NOT_FOUND',
  ],
  PERMISSION_ERROR: [
    'ACCESS_DENIED',
    'GET_DEPLOYMENT_CONFIGURATION_ACCESS_DENIED',
    'GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED',
    'RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED',
    'MISSING_MQTT_CONNECT_POLICY',
    'CREDENTIAL_ENDPOINT_AUTH_FAILURE',
    'GET_ECR_CREDENTIAL_ERROR',
    'USER_NOT_AUTHORIZED_FOR_DOCKER',
    'S3_ACCESS_DENIED',
    'S3_HEAD_OBJECT_ACCESS_DENIED',
    'S3_GET_BUCKET_LOCATION_ACCESS_DENIED',
    'S3_GET_OBJECT_ACCESS_DENIED',
  ],
  SERVER_ERROR: ['SERVER_ERROR', 'CREDENTIAL_ENDPOINT_SERVER_ERROR', 'S3_SERVER_ERROR'],
  NETWORK_ERROR: ['NETWORK_ERROR', 'MQTT_CONNECTION_FAILED', 'TLS_HANDSHAKE_FAILURE'],
  HTTP_ERROR: [
    'HTTP_REQUEST_ERROR',
    'DOWNLOAD_DEPLOYMENT_DOCUMENT_ERROR',
    'GET_GREENGRASS_ARTIFACT_SIZE_ERROR',
    'DOWNLOAD_GREENGRASS_ARTIFACT_ERROR',
  ],
  DEVICE_ERROR: [
    'IO_WRITE_ERROR',
    'IO_READ_ERROR',
    'DISK_SPACE_CRITICAL',
    'IO_FILE_ATTRIBUTE_ERROR',
    'SET_PERMISSION_ERROR',
    'IO_UNZIP_ERROR',
    'LOCAL_RECIPE_NOT_FOUND',
    'LOCAL_RECIPE_CORRUPTED',
    'LOCAL_RECIPE_METADATA_NOT_FOUND',
    'HASHING_ALGORITHM_UNAVAILABLE',
    'LAUNCH_DIRECTORY_CORRUPTED',
    'DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD',
  ],
  COMPONENT_RECIPE_ERROR: [
    'RECIPE_PARSE_ERROR',
    'RECIPE_METADATA_PARSE_ERROR',
    'ARTIFACT_URI_NOT_VALID',
    'S3_ARTIFACT_URI_NOT_VALID',
    'DOCKER_ARTIFACT_URI_NOT_VALID',
    'EMPTY_ARTIFACT_URI',
    'EMPTY_ARTIFACT_SCHEME',
    'UNSUPPORTED_ARTIFACT_SCHEME',
    'RECIPE_MISSING_MANIFEST',
    'RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM',
    'ARTIFACT_CHECKSUM_MISMATCH',
    'COMPONENT_DEPENDENCY_NOT_VALID',
    'CONFIG_INTERPOLATE_ERROR',
    'COMPONENT_VERSION_NOT_VALID',
  ],
  DEPENDENCY_ERROR: [
    'DOCKER_ERROR',
    'DOCKER_SERVICE_UNAVAILABLE',
    'DOCKER_IMAGE_QUERY_ERROR',
    'DOCKER_LOGIN_ERROR',
    'DOCKER_PULL_ERROR',
    'DOCKER_IMAGE_NOT_VALID',
    'S3_ERROR',
    'S3_RESOURCE_NOT_FOUND',
    'S3_BAD_REQUEST',
  ],
  CLOUD_SERVICE_ERROR: [
    'RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE',
    'DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED',
    'GREENGRASS_ARTIFACT_SIZE_NOT_FOUND',
  ],
  NUCLEUS_ERROR: ['BAD_REQUEST', 'NUCLEUS_VERSION_NOT_FOUND', 'NUCLEUS_RESTART_FAILURE', 'COMPONENT_LOAD_FAILURE'],
  USER_COMPONENT_ERROR: ['CUSTOM_PLUGIN_NOT_SUPPORTED'],
  UNKNOWN_ERROR: ['DEPLOYMENT_TYPE_NOT_VALID'],
} as const;

/** What kind of thing failed. The last two are only added by context: see {@link deploymentErrorTypeOf}. */
export type DeploymentErrorType = keyof typeof ERROR_CODES | 'COMPONENT_ERROR' | 'AWS_COMPONENT_ERROR';

const TYPE_OF_CODE: ReadonlyMap<string, DeploymentErrorType> = new Map(
  Object.entries(ERROR_CODES).flatMap(([type, codes]) => codes.map((code) => [code, errorType(type)] as const)),
);

function errorType(name: string): DeploymentErrorType {
  return name in ERROR_CODES ? (name as keyof typeof ERROR_CODES) : 'UNKNOWN_ERROR';
}

/** The type a code stands for; `NONE` (which is never reported) for generic codes, undefined for no code of ours. */
export function deploymentErrorTypeOf(code: string): DeploymentErrorType | undefined {
  return TYPE_OF_CODE.get(code);
}
