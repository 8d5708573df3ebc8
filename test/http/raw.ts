/** Requests as bytes, and what comes back until the connection ends or an answer is whole. */
import { connect } from "node:net";

export interface RawAnswer {
  /** 0 where nothing came. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Everything, also further answers. */
  readonly all: string;
}

/** Sends bytes as they are. Ends when the server ends it, or `quiet` ms after the last byte. */
export function sendRaw(url: string, bytes: string | Buffer, quiet = 150): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let all = "";
    let timer: NodeJS.Timeout | undefined;
    const socket = connect({ host: hostname, port: Number(port) });
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const [head = "", ...rest] = all.split("\r\n\r\n");
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
        head,
        body: rest.join("\r\n\r\n"),
        all,
      });
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(end, quiet);
    };
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      socket.write(bytes);
      wait();
    });
    socket.on("data", (chunk: string) => {
      all += chunk;
      wait();
    });
    socket.on("close", end);
    socket.on("error", end);
  });
}
