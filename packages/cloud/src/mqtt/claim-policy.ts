// The identity rule of claim certificates, until IoT policies are evaluated: they may provision, and nothing else.

/** True for topics and filters that a connection of a claim certificate may publish or subscribe to. */
export function mayClaim(topicOrFilter: string): boolean {
  return ['$aws/certificates/create', '$aws/provisioning-templates/'].some((start) => topicOrFilter.startsWith(start));
}

/** The thing that a client id would act for: `{T}` or `{T}#...`. A claim that took such an id would end its connection. */
export function thingInClientId(clientId: string): string {
  return clientId.split('#', 1)[0] ?? clientId;
}
