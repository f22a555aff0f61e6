/** The version of aws.greengrass.Nucleus whose behaviour this build has. A deployment of another build goes by it. */
export const runtimeVersion = '2.18.0';
