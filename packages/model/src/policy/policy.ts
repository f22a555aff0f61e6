// IoT policies of devices and IAM policies of users, decided by one evaluator.
export { type CompiledPolicies, compilePolicies } from './compile.ts';
export { type CertificateFacts, type ConnectionFacts, connectionContext, connectionThing } from './connection.ts';
export { decide } from './decide.ts';
export { type Policy, type PolicyKind, parsePolicy } from './parse.ts';
export { PolicyContext } from './policy-context.ts';
