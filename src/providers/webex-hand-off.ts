import type { HandOffForm } from "./profile.ts";
import type { WebexPlaces } from "./webex-places.ts";

/** What a recorder's Cisco Webex Meetings data source and its adapter ask for, in the order of their forms. */
export function webexHandOff({ portal }: WebexPlaces): HandOffForm {
  return {
    title: "Cisco Webex Meetings: data source and audio capture adapter",
    fields: [
      {
        label: "Adapter Name",
        value: "{name}",
        note: "Any name that is unique among the adapters; without < > $ & ' \"",
      },
      { label: "Description", value: "Webex Meetings, grant {name}", note: "Optional" },
      {
        label: "DataSource",
        value: "{name}",
        note: "The Cisco Webex Meetings data source as it is named there",
      },
      { label: "Client ID", value: "{client_id}", note: null },
      {
        label: "Client Secret",
        value: "{client_secret_hint}",
        note: `Of the same integration; shown once at ${portal} > My Webex Apps`,
      },
      {
        label: "Refresh Token",
        value: "{refresh_token_hint}",
        note: "Paste it in one piece; that it was read is in the audit",
      },
      {
        label: "API Server Address",
        value: "{api_host}",
        note: "Printed manuals show api.zoom.us here, by mistake",
      },
      {
        label: "Authentication Server Address",
        value: "{token_endpoint}",
        note: "Printed manuals show api.zoom.us/oauth/token here, by mistake",
      },
      { label: "Startup Type", value: "Automatic", note: "Change it only when the vendor's support advises" },
      {
        label: "Polling frequency",
        value: "5",
        note: "Minutes between two questions for meetings that have ended; change it only when support advises",
      },
    ],
    notes: [
      "The adapter refreshes by itself when it starts; Webex usually gives back the same refresh token with its life begun anew.",
      "How long tokens live stands in Webex's answers (often 14 and 90 days, elsewhere 12 hours and 60 days), not in any manual.",
      "Where nobody uses the refresh token for its whole life it is gone, and an administrator has to consent again. Grantkeeper uses it in time.",
      "Where Webex gives another refresh token, or somebody consents again, the data source needs the new one.",
      "The consent hangs on the administrator who gave it: a changed password, a lost role or a deactivated account ends it.",
      "Details of an ended meeting appear about 15 minutes after its end; polling oftener does not bring them sooner.",
    ],
  };
}
