// Greengrass IPC: the event-stream frames, the messages in them, and the shapes of what is asked for.
export * from './cli-operations.ts';
export { FrameReader, maxFrameBytes } from './frame.ts';
export {
  type IpcErrorCode,
  type IpcOperation,
  ipcErrors,
  readError,
  readRequest,
  readResponse,
  writeError,
  writeRequest,
  writeResponse,
} from './ipc-operation.ts';
export {
  connectAckFrame,
  connectFrame,
  connectToken,
  errorFrame,
  type IpcMessage,
  isTerminate,
  messageFlags,
  messageOfFrame,
  messageTypes,
  namespace,
  pingResponseFrame,
  protocolErrorFrame,
  requestFrame,
  responseFrame,
  textHeader,
} from './message.ts';
