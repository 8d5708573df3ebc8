import { ask, decide, errorLocation, openQuestion, requestAuthorization } from "../authorization.ts";
import { findDevice } from "../device.ts";
import { field, redirect, type Call, type Reply } from "../transport/call.ts";
import { requireForm } from "../token-endpoint.ts";
import { findAccount, type Question, type World } from "../world.ts";
import { consentPage, messagePage, signInPage, userCodePage } from "./views.ts";

/** `GET /v1/authorize`: the sign-in page, or what is wrong with the request. */
export function showAuthorization(world: World, call: Call): Reply {
  const request = requestAuthorization(world, call.query);
  if (request.kind === "unusable") return messagePage(400, request.title, request.text);
  if (request.kind === "refused") return redirect(302, request.location);
  return signIn(world, request.question);
}

/** Any step at `/v1/authorize` that is to fail with an error at the client's address. */
export function redirectWithError(world: World, call: Call, error: string, description?: string): Reply {
  const ticket = field(call.form, "ticket");
  const request = ticket === undefined ? requestAuthorization(world, call.query) : undefined;
  const question = request?.kind === "asked" ? request.question : openQuestion(world, ticket);
  if (question === undefined || "deviceCode" in question.answerTo) {
    return call.method === "POST" ? answerQuestion(world, call) : showAuthorization(world, call);
  }
  world.questions.delete(question.ticket);
  return redirect(303, errorLocation(question.answerTo, error, description));
}

/** `POST /v1/authorize` and the later steps of `POST /verify`: one step of the person's answer. */
export function answerQuestion(world: World, call: Call): Reply {
  requireForm(call);
  const question = openQuestion(world, field(call.form, "ticket"));
  if (question === undefined) {
    return messagePage(
      400,
      "This page was used already",
      "The decision was made, or too much time has passed. Go back to the program that sent you here and start again.",
    );
  }
  const email = field(call.form, "user");
  const decision = field(call.form, "decision");
  if (email === undefined || decision === "other") return signIn(world, question);
  const account = findAccount(world, email);
  if (account === undefined) return signIn(world, question, email);
  if (world.behaviour.organizationDenies) return deniedByOrganization(world, question);
  if (decision !== "approve" && decision !== "deny") return consentPage(question, account.user);
  const location = decide(world, question, account, decision === "approve");
  if (location !== undefined) return redirect(303, location);
  return decision === "approve"
    ? messagePage(200, "Device connected", `${question.client.name} has access now. You can close this page.`)
    : messagePage(
        200,
        "Device refused",
        `${question.client.name} was given no access. You can close this page.`,
      );
}

/** `GET /verify`: asks for the user code, or takes it from the complete address (RFC 8628, section 3.3.1). */
export function showVerification(world: World, call: Call): Reply {
  const complete = field(call.query, "userCode");
  return complete === undefined ? userCodePage() : verify(world, complete);
}

/** `POST /verify`: takes the user code, then the steps of {@link answerQuestion}. */
export function answerVerification(world: World, call: Call): Reply {
  const code = field(call.form, "user_code");
  return code === undefined ? answerQuestion(world, call) : verify(world, code);
}

function verify(world: World, code: string): Reply {
  const device = findDevice(world, code);
  if (device === undefined) return userCodePage("This code is not valid, was used, or has expired.");
  return signIn(world, ask(world, device.client, device.scopes, device));
}

function signIn(world: World, question: Question, unknownEmail?: string): Reply {
  const users = [...world.accounts.values()].map(({ user }) => user);
  if (unknownEmail === undefined) return signInPage(question, users);
  return signInPage(question, users, {
    text: `The emulator has no user “${unknownEmail}”.`,
    email: unknownEmail,
  });
}

function deniedByOrganization(world: World, question: Question): Reply {
  world.questions.delete(question.ticket);
  return messagePage(
    403,
    "Access denied",
    `Your administrator denied access to the integration ${question.client.name}. An administrator can allow it in Control Hub, under Apps, Integrations.`,
  );
}
