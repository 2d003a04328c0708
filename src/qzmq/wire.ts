/** What carries frames. ZeroMQ is one; a simulator can be another. Nothing here is trusted. */

/** Names a connection of one wire; never reused while the wire lives. */
export type ConnectionId = number;

export type SendResult = 'ok' | 'full' | 'gone';

export interface WireHandlers {
  onFrame(connection: ConnectionId, frame: Buffer): void;
  /** A dialed connection is up (again) and can be sent to. */
  onConnected(connection: ConnectionId): void;
  /** A connection went away. A dialed one comes back by itself, with {@link onConnected}. */
  onDisconnected(connection: ConnectionId): void;
}

export interface Wire {
  /** Where others can dial to, if it listens. */
  readonly address: string | undefined;
  /** Begins to deliver. Once. */
  start(handlers: WireHandlers): void;
  /** Connects, and reconnects with back-off until {@link hangUp}. Throws `QZMQ_BAD_ADDRESS`. */
  dial(endpoint: string): ConnectionId;
  /** Ends a dialed connection; nothing for an accepted one. */
  hangUp(connection: ConnectionId): void;
  /** The frame belongs to the wire from now on. `full`: not sent, try later. `gone`: not sent, never will be. */
  send(connection: ConnectionId, frame: Buffer): Promise<SendResult>;
  close(): Promise<void>;
}
