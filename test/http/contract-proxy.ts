/**
 * Stands between clients and the service, and holds whatever passes against the service's own description of
 * itself. Its judge is Ajv, a validator of JSON Schema that shares nothing with the one that the service uses.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import addFormats from "ajv-formats";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Content {
  readonly schema?: object;
}
interface Described {
  readonly content?: Readonly<Record<string, Content>>;
}
interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: Described;
  readonly responses: Readonly<Record<string, Described>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** What passed, read whole. */
interface Passage {
  readonly method: string;
  readonly url: URL;
  readonly asked: string;
  readonly status: number;
  readonly type: string;
  readonly answered: string;
}

/** The proxy: whatever broke the contract, a line each, is in `violations`. */
export interface ContractProxy {
  readonly url: string;
  /** Everything passes to this port of this machine from now on. */
  readonly leadTo: (port: number) => Promise<void>;
  readonly violations: readonly string[];
  readonly close: () => Promise<void>;
}

/** For the console alone, and so not in the description. */
const UNDESCRIBED = new Set(["/v1/session", "/v1/sign-in"]);

export async function startContractProxy(): Promise<ContractProxy> {
  const violations: string[] = [];
  let port = 0;
  let judge: (passage: Passage) => void = () => undefined;
  const server = createServer((asked, answer) => pass(asked, answer, port, (passage) => judge(passage)));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    violations,
    leadTo: async (target) => {
      port = target;
      const description = (await (await fetch(`${url}/openapi.json`)).json()) as Description;
      judge = judgeBy(description, violations);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pass(
  asked: IncomingMessage,
  answer: ServerResponse,
  port: number,
  onPassage: (passage: Passage) => void,
): void {
  const { method = "GET", url = "/", rawHeaders } = asked;
  const onward = request({ host: "127.0.0.1", port, method, path: url, headers: rawHeaders });
  const question: Buffer[] = [];
  asked.on("data", (part: Buffer) => question.push(part));
  asked.pipe(onward);
  answer.on("close", () => onward.destroy());
  onward.on("error", () => answer.destroy());
  onward.on("response", (came) => {
    const { statusCode: status = 0, headers: fields } = came;
    const type = (fields["content-type"] ?? "").split(";")[0] ?? "";
    const parts: Buffer[] = [];
    answer.writeHead(status, fields);
    // A stream has no end to wait for.
    if (type === "text/event-stream") return void came.pipe(answer);
    came.on("data", (part: Buffer) => parts.push(part));
    came.on("end", () => {
      const [askedText, answered] = [question, parts].map((all) => Buffer.concat(all).toString());
      const place = new URL(url, "http://service");
      onPassage({ method, url: place, asked: askedText ?? "", status, type, answered: answered ?? "" });
      answer.end(Buffer.concat(parts));
    });
  });
}

function judgeBy(description: Description, violations: string[]) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(description, "openapi");
  const compiled = new Map<string, ValidateFunction>();
  const faultsOf = (pointer: readonly string[], text: string): string | null => {
    const ref = `openapi#/${pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`;
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: encodeURI(ref) });
    compiled.set(ref, validate);
    try {
      return validate(JSON.parse(text)) ? null : ajv.errorsText(validate.errors);
    } catch {
      return "it is no JSON";
    }
  };
  const templates = Object.keys(description.paths).map((path) => ({
    path,
    form: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+").replaceAll(".", "\\.")}$`),
  }));

  return ({ method, url, asked, status, type, answered }: Passage): void => {
    const verb = method === "HEAD" ? "get" : method.toLowerCase();
    const path = templates.find(({ form }) => form.test(url.pathname))?.path;
    const operation = path === undefined ? undefined : description.paths[path]?.[verb];
    const complain = (what: string): void =>
      void violations.push(`${method} ${url.pathname} ${status}: ${what}`);
    const isOurs = url.pathname.startsWith("/v1/") && !UNDESCRIBED.has(url.pathname);
    if (path === undefined || operation === undefined) {
      if (isOurs && status < 400) complain("is not in the description");
      return;
    }
    const place = operation.responses[status] === undefined ? "default" : String(status);
    if (place === "default" && status < 400) return complain("this status is not in the description");
    if (method === "HEAD") return;
    const { content } = operation.responses[place] ?? {};
    if (content === undefined && answered !== "") complain("has a body where none is described");
    if (content !== undefined && content[type] === undefined)
      complain(`${type || "no type"} is not described`);
    if (content?.[type] !== undefined) {
      const pointer = ["paths", path, verb, "responses", place, "content", type, "schema"];
      const faults = faultsOf(pointer, answered);
      if (faults !== null) complain(faults);
    }
    if (status >= 300) return;
    // What the service takes has to be what it says that it takes.
    const known = new Set(
      operation.parameters?.filter(({ in: where }) => where === "query").map((one) => one.name),
    );
    for (const parameter of url.searchParams.keys())
      if (!known.has(parameter)) complain(`took the parameter ${parameter}, which is not described`);
    if (asked === "") return;
    if (operation.requestBody === undefined) return complain("took a body where none is described");
    const wrong = faultsOf(
      ["paths", path, verb, "requestBody", "content", "application/json", "schema"],
      asked,
    );
    if (wrong !== null) complain(`took a body that is not as described: ${wrong}`);
  };
}
