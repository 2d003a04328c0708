/** ZeroMQ's wire protocol by hand, for peers that do not keep to it. */

/** What a peer of ours sends first, ZMTP 3.0 (RFC 23): greeting with the NULL mechanism, then READY as the given kind of socket. */
export function zmtp3(socketType: string, identity = Buffer.alloc(0)): Buffer {
  const greeting = Buffer.alloc(64);
  greeting[0] = 0xff;
  greeting[9] = 0x7f;
  greeting[10] = 3;
  greeting.write('NULL', 12);
  const property = (name: string, value: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, value]);
  };
  const ready = Buffer.concat([
    Buffer.from('\x05READY'),
    property('Socket-Type', Buffer.from(socketType)),
    property('Identity', identity),
  ]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(ready.length));
  return Buffer.concat([greeting, Buffer.from([0x06]), length, ready]);
}

/** A frame that announces so many bytes, and those of them that come. */
export function longFrame(announced: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header[0] = 0x02;
  header.writeBigUInt64BE(announced, 1);
  return Buffer.concat([header, body]);
}
