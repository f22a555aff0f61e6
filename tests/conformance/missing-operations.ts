/** Operations of AWS IoT Greengrass V2 that are not served yet. This list may only become shorter. */
export const missingOperations: readonly string[] = [];
