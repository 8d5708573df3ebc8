import type { ScopePreset } from "./profile.ts";

const CAPTURE = [
  "meeting:admin_participants_read",
  "meeting:admin_recordings_read",
  "meeting:admin_schedule_read",
  "identity:tokens_read",
  "identity:tokens_write",
] as const;

/** Scope lists by purpose. The first is, letter by letter, the list of the recording procedure. */
export const WEBEX_PRESETS = {
  "meetings-capture": {
    purpose: "Recording of Cisco Webex Meetings, as the recording procedure lists it",
    scopes: CAPTURE,
  },
  "meetings-capture-with-account": {
    purpose: "The same, and it can be shown who consented",
    scopes: [...CAPTURE, "spark:people_read"],
  },
  "meetings-capture-with-transcripts": {
    purpose: "The same with transcripts, and it can be shown who consented",
    scopes: [...CAPTURE, "meeting:admin_transcripts_read", "spark:people_read"],
  },
} as const satisfies Record<string, ScopePreset>;

/** What will not work without a scope. */
export const WEBEX_SCOPE_PURPOSES: Readonly<Record<string, string>> = {
  "meeting:admin_participants_read": "who took part in a meeting cannot be read",
  "meeting:admin_recordings_read": "recordings cannot be listed or fetched",
  "meeting:admin_schedule_read": "ended meetings of the organisation cannot be found",
  "meeting:admin_transcripts_read": "transcripts cannot be fetched",
  "meeting:admin_preferences_read": "the organisation's meeting sites cannot be listed",
  "identity:tokens_read": "when the token ends cannot be asked at Webex",
  "identity:tokens_write": "authorizations cannot be withdrawn through Webex's API",
  "spark:people_read": "who consented cannot be shown",
};

/** The two families of the recording procedure, where a missing letter is the usual mistake. */
const MEETING =
  /^meeting:(?:(?:schedules|recordings|participants|preferences|controls|transcripts|summaries|meetings)|admin_(?:schedule|recordings|participants|preferences|transcripts|summaries|config|controls)|group_meeting)_(?:read|write)$/;
const IDENTITY =
  /^identity:(?:tokens|people|groups|organizations|organization|contacts|contact|idbroker|one_time_password|placeonetimepassword)(?:_(?:read|write|rw|create))?$/;
/** All others by their form alone: there are hundreds, and the list grows. */
const OTHER =
  /^(?:spark|spark-admin|spark-compliance|analytics|audit|cjp|cjds|application|guest-issuer|guest-meeting|webhook|Identity|cloud-contact-center|wxcc|messaging):[a-z0-9_.:-]+$/;
const OPENID = new Set(["openid", "email", "profile", "phone", "address", "offline_access"]);

/** Whether a scope is one that Webex has, as far as is known. */
export function isWebexScope(scope: string): boolean {
  return OPENID.has(scope) || MEETING.test(scope) || IDENTITY.test(scope) || OTHER.test(scope);
}
