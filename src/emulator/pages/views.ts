import type { Reply } from "../transport/call.ts";
import type { EmulatorUser } from "../types.ts";
import type { Question } from "../world.ts";
import { html, type Html } from "./html.ts";
import { page } from "./page.ts";
import { isAdminScope, scopeInWords } from "./scope-words.ts";

/** Who are you? Everyone the emulator knows is one button, and an address may be typed. */
export function signInPage(
  question: Question,
  users: readonly EmulatorUser[],
  problem?: { text: string; email: string },
): Reply {
  const complaint = complain(problem?.text);
  const content = html`
    <h1>Sign in</h1>
    <p class="quiet">to continue to ${question.client.name}. No password is asked for here.</p>
    <form method="post" action="${action(question)}">
      ${ticket(question)}
      <ul class="accounts">
        ${users.map(
          (user) =>
            html`<li>
              <button class="account" name="user" value="${user.email}">${person(user)}</button>
            </li>`,
        )}
      </ul>
    </form>
    <p class="separator">or</p>
    <form method="post" action="${action(question)}">
      ${ticket(question)}
      <label for="user">E-mail address</label>
      <input
        id="user"
        name="user"
        type="email"
        autocomplete="username"
        required
        value="${problem?.email ?? question.loginHint}"
        ${complaint.mark}
      />
      ${complaint.words}
      <button class="button wide">Continue</button>
    </form>
  `;
  return page(problem === undefined ? 200 : 400, "Sign in", content, formTarget(question));
}

const powerless = html`<p class="note">
  This account is not a full administrator: the administrators’ permissions will have no effect.
</p>`;

/** May it? */
export function consentPage(question: Question, user: EmulatorUser): Reply {
  const { client, scopes } = question;
  const isPowerless = scopes.some(isAdminScope) && !user.roles.includes("full_admin");
  const content = html`
    <h1>${client.name} asks for access to your Webex account</h1>
    <div class="person">${person(user)}</div>
    <h2 id="scopes">It would be able to</h2>
    <ul class="scopes" aria-labelledby="scopes">
      ${scopes.map((scope) => html`<li><span>${scopeInWords(scope)}</span><code>${scope}</code></li>`)}
    </ul>
    ${isPowerless ? powerless : undefined}
    <form method="post" action="${action(question)}">
      ${ticket(question)}
      <input type="hidden" name="user" value="${user.email}" />
      <div class="pair">
        <button class="button" name="decision" value="deny">Deny</button>
        <button class="button primary" name="decision" value="approve">Approve</button>
      </div>
      <button class="link" name="decision" value="other">Use another account</button>
    </form>
    <p class="quiet small">${destination(question)}</p>
  `;
  return page(200, `Access for ${client.name}`, content, formTarget(question));
}

/** Which device? */
export function userCodePage(problem?: string): Reply {
  const complaint = complain(problem);
  const content = html`
    <h1>Connect a device</h1>
    <p class="quiet">Type the code that the device or program shows.</p>
    <form method="post" action="/verify">
      <label for="user_code">Code</label>
      <input
        class="digits"
        id="user_code"
        name="user_code"
        inputmode="numeric"
        autocomplete="one-time-code"
        required
        maxlength="12"
        ${complaint.mark}
      />
      ${complaint.words}
      <button class="button primary wide">Continue</button>
    </form>
  `;
  return page(problem === undefined ? 200 : 400, "Connect a device", content);
}

/** A page that only tells something. */
export function messagePage(status: number, title: string, text: string): Reply {
  return page(
    status,
    title,
    html`<h1>${title}</h1>
      <p>${text}</p>`,
  );
}

/** What is wrong with a field, for eyes and for screen readers. */
function complain(text: string | undefined): { mark?: Html; words?: Html } {
  if (text === undefined) return {};
  return {
    mark: html`aria-invalid="true" aria-describedby="problem"`,
    words: html`<p class="problem" id="problem" role="alert">${text}</p>`,
  };
}

function person(user: EmulatorUser): Html {
  const initials = user.displayName
    .split(/\s+/)
    .map((word) => word.charAt(0))
    .slice(0, 2)
    .join("");
  return html`<span class="initials" aria-hidden="true">${initials.toUpperCase()}</span>
    <span class="who">
      <span class="name">${user.displayName}</span>
      <span class="quiet">${user.email}</span>
      <span class="quiet">${user.roles.includes("full_admin") ? "Full administrator" : "User"}</span>
    </span>`;
}

function ticket(question: Question): Html {
  return html`<input type="hidden" name="ticket" value="${question.ticket}" />`;
}

function action({ answerTo }: Question): string {
  return "deviceCode" in answerTo ? "/verify" : "/v1/authorize";
}

function formTarget({ answerTo }: Question): string | undefined {
  return "deviceCode" in answerTo ? undefined : answerTo.redirectUri;
}

function destination({ answerTo }: Question): Html {
  return "deviceCode" in answerTo
    ? html`The device that shows the code ${answerTo.userCode} will be connected.`
    : html`You will be sent to <code>${answerTo.redirectUri}</code>`;
}
